import { open } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { HeadendError, messageOf } from '../../platform/index.js';
import { runFfmpeg } from '../ffmpeg/ffmpeg-check.js';
import type { FfmpegTool } from '../ffmpeg/ffmpeg-process.js';

/** Picture or film of a slate, as configured. */
export type SlateFile = {
  path: string;
  /** Demuxer of ffmpeg, by the content of the file. */
  demuxer: string;
  isFilm: boolean;
};

/** Source of slates: the last picture of the broadcast, dimmed, with a sentence, or a file. */
export type SlateSource = {
  file: SlateFile | undefined;
  /** Sentence over the last picture; empty: none. */
  text: string;
  /** TrueType font of the sentence; undefined: this ffmpeg writes no text. */
  fontFile: string | undefined;
};

/** Maximum size of a configured file. */
const MAXIMUM_FILE_BYTES = 256 * 2 ** 20;
const HEAD_BYTES = 16;

/** Demuxers of accepted formats by the first bytes: `at` is the offset of the signature. */
const FORMATS: readonly { demuxer: string; isFilm: boolean; at: number; signature: Buffer }[] = [
  { demuxer: 'png_pipe', isFilm: false, at: 0, signature: Buffer.from('\x89PNG', 'latin1') },
  { demuxer: 'jpeg_pipe', isFilm: false, at: 0, signature: Buffer.from([0xff, 0xd8, 0xff]) },
  { demuxer: 'webp_pipe', isFilm: false, at: 8, signature: Buffer.from('WEBP') },
  { demuxer: 'mov', isFilm: true, at: 4, signature: Buffer.from('ftyp') },
  { demuxer: 'matroska', isFilm: true, at: 0, signature: Buffer.from([0x1a, 0x45, 0xdf, 0xa3]) },
];

/**
 * Recognises a configured file by its first bytes.
 *
 * @throws HeadendError `slate_unreadable` with a sentence for the operator
 */
async function recogniseSlateFile(configured: string): Promise<SlateFile> {
  const file = path.resolve(configured);
  const { head, bytes, isFile } = await readHead(file).catch((error: unknown) => {
    throw unreadable(file, messageOf(error));
  });
  if (!isFile) throw unreadable(file, 'it is not a file');
  if (bytes > MAXIMUM_FILE_BYTES)
    throw unreadable(file, `it is larger than ${MAXIMUM_FILE_BYTES / 2 ** 20} MB`);
  const format = FORMATS.find(({ at, signature }) =>
    head.subarray(at, at + signature.length).equals(signature),
  );
  if (!format) throw unreadable(file, 'it is neither PNG, JPEG, WebP, MP4 nor WebM');
  return { path: file, demuxer: format.demuxer, isFilm: format.isFilm };
}

export function unreadable(file: string, reason: string): HeadendError {
  return new HeadendError('slate_unreadable', `SLATE: ${file} cannot be shown: ${reason}.`);
}

async function readHead(file: string): Promise<{ head: Buffer; bytes: number; isFile: boolean }> {
  const handle = await open(file, 'r');
  try {
    const stats = await handle.stat();
    const { buffer } = stats.isFile()
      ? await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
      : { buffer: Buffer.alloc(0) };
    return { head: buffer, bytes: stats.size, isFile: stats.isFile() };
  } finally {
    await handle.close();
  }
}

/**
 * Opens the source of slates as configured.
 *
 * @throws HeadendError `slate_unreadable`
 */
export async function openSlateSource(
  ffmpeg: FfmpegTool,
  { file, text }: { file: string | undefined; text: string },
): Promise<SlateSource> {
  const fontFile = await slateFont(ffmpeg);
  return { file: file === undefined ? undefined : await recogniseSlateFile(file), text, fontFile };
}

/** Returns the font for the sentence; undefined when ffmpeg was built without `drawtext`. */
async function slateFont(ffmpeg: FfmpegTool): Promise<string | undefined> {
  const filters = await runFfmpeg(ffmpeg, ['-hide_banner', '-filters']);
  if (!/^ \S+ +drawtext /m.test(filters)) return undefined;
  return fileURLToPath(import.meta.resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf'));
}
