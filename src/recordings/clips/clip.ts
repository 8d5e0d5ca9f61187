import { PublicError } from '../../platform/index.js';
import type { Visibility } from '../../streams/index.js';

/** `processing`: it is being cut; `deleting`: its files are being deleted. */
export type ClipState = 'processing' | 'ready' | 'failed' | 'deleting';

/**
 * `public`: listed if its livestream is; `unlisted`: for everybody who may watch the livestream and knows the id; `private`: as a
 * private recording, and for who made it.
 */
export type ClipVisibility = Visibility;

/** Reason why a clip could not be cut. */
export type ClipFailure =
  /** The media were deleted, or have left the rewind window. */
  | 'media-gone'
  /** The format of sound or codec changes within the clip, so that it cannot be cut exactly. */
  | 'format-changed'
  | 'disk-full'
  | 'encoder-failed'
  /** It was tried several times. */
  | 'interrupted';

export type Clip = {
  /** Also that of the recording with its files. */
  id: string;
  /** Null: its livestream was deleted. */
  streamId: string | null;
  broadcastId: string;
  /** Recording that it was cut from; null: the running broadcast, or the recording was deleted. */
  sourceId: string | null;
  /** Owner of the livestream, whose storage it takes. */
  userId: string | null;
  createdBy: string | null;
  createdAt: Date;
  title: string;
  visibility: ClipVisibility;
  /** Visibility of its media: private if the clip is, else that of its source, or the stricter one of its livestream now. */
  access: Visibility;
  /** Account that may watch it, although it is private, because it made it. */
  maker: string | null;
  state: ClipState;
  failure: ClipFailure | null;
  /** Wanted dates of the media. */
  startsAt: Date;
  endsAt: Date;
  exact: boolean;
  durationS: number;
  sizeBytes: number;
};

export const CLIP_LIMITS = {
  minimumS: 5,
  maximumS: 180,
  /** Clips of one account, and of all, that are being cut. */
  unfinishedOfAccount: 5,
  unfinished: 200,
} as const;

/** Encodes the video of an MP4 from one media time to another, in a process of the lowest priority. */
export type ClipEncoder = (
  input: AsyncIterable<Buffer>,
  /** Time of the first frame in the MP4, and that before which the last one is, within a millisecond. */
  range: { startS: number; endS: number },
  /** Gets fragmented MP4, from time 0. The process waits while a promise is pending. */
  output: (bytes: Buffer) => Promise<void> | undefined,
  signal: AbortSignal,
) => Promise<void>;

/** The clip cannot be cut, also later. */
export class ClipFailed extends Error {
  readonly failure: ClipFailure;

  constructor(failure: ClipFailure, options?: ErrorOptions) {
    super(failure, options);
    this.failure = failure;
  }
}

export function clipNotFound(): PublicError {
  return new PublicError(404, 'clip_not_found', 'There is no such clip.');
}

export function clipRangeInvalid(message: string): PublicError {
  return new PublicError(400, 'clip_range_invalid', message);
}
