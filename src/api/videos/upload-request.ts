import { Metadata } from '@tus/server';
import type { FastifyRequest } from 'fastify';
import { Value } from 'typebox/value';
import { PublicError } from '../../platform/index.js';
import type { Video } from '../contract.js';
import { UserId } from '../server/common-schema.js';

/** An upload as its first request announces it. */
export type AnnouncedUpload = {
  uploadBytes: number;
  title: string;
  visibility: Video['visibility'];
  /** Owner that an administrator names. */
  userId: string | undefined;
};

const VISIBILITIES: readonly string[] = ['public', 'unlisted', 'private'];
const MAXIMUM_TITLE_CHARACTERS = 200;
const UNTITLED = 'Untitled';

/**
 * Reads the headers with which tus announces an upload: `Upload-Length`, and in `Upload-Metadata` the title or file name,
 * the visibility (default: private) and the owner.
 *
 * @throws PublicError 400 `upload_length_required`, `bad_request`
 */
export function readAnnouncement({ headers }: FastifyRequest): AnnouncedUpload {
  const length = headers['upload-length'];
  if (typeof length !== 'string' || !/^\d{1,15}$/.test(length))
    throw new PublicError(
      400,
      'upload_length_required',
      'Upload-Length must be the length of the file in bytes.',
    );
  const metadata = readMetadata(headers['upload-metadata']);
  const visibility = metadata.visibility ?? 'private';
  if (!VISIBILITIES.includes(visibility))
    throw new PublicError(400, 'bad_request', `visibility must be one of ${VISIBILITIES.join(', ')}.`);
  return {
    uploadBytes: Number(length),
    title: titleOf(metadata),
    visibility: visibility as Video['visibility'],
    userId: userIdIn(metadata),
  };
}

function readMetadata(header: string | string[] | undefined): Record<string, string | null> {
  if (header === undefined || header === '') return {};
  try {
    return Metadata.parse(String(header));
  } catch {
    throw new PublicError(400, 'bad_request', 'Upload-Metadata is not as the tus protocol says.');
  }
}

function userIdIn({ userId }: Record<string, string | null>): string | undefined {
  if (!userId) return undefined;
  if (!Value.Check(UserId, userId)) throw new PublicError(400, 'bad_request', 'userId is not a user id.');
  return userId;
}

/** The title, else the name of the file without folders and extension. */
function titleOf({ title, filename }: Record<string, string | null>): string {
  const name = (filename ?? '')
    .split(/[\\/]/)
    .at(-1)!
    .replace(/\.[^.]{1,5}$/, '');
  const text = (title || name).replaceAll(/[\p{Cc}\p{Cs}]/gu, ' ').trim();
  return [...text].slice(0, MAXIMUM_TITLE_CHARACTERS).join('').trim() || UNTITLED;
}
