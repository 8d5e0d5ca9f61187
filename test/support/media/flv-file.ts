import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Tag of an FLV file. */
export type FileTag = { kind: 'audio' | 'video' | 'script'; timestamp: number; body: Buffer };

const KINDS: Record<number, FileTag['kind']> = { 8: 'audio', 9: 'video', 18: 'script' };
const FILE_HEADER_SIZE = 13;
const TAG_HEADER_SIZE = 11;

/** Encodes an FLV file by ffmpeg with the given arguments. */
export async function makeFlv(args: string[]): Promise<Buffer> {
  const all = ['-v', 'error', '-nostdin', ...args, '-f', 'flv', 'pipe:1'];
  const options = { encoding: 'buffer' as const, maxBuffer: 64 << 20 };
  const { stdout } = await promisify(execFile)('ffmpeg', all, options);
  return stdout;
}

/** Parses the tags of an FLV file. */
export function flvTags(file: Buffer): FileTag[] {
  const tags: FileTag[] = [];
  for (let at = FILE_HEADER_SIZE; at + TAG_HEADER_SIZE < file.length; ) {
    const size = file.readUIntBE(at + 1, 3);
    const body = file.subarray(at + TAG_HEADER_SIZE, at + TAG_HEADER_SIZE + size);
    const timestamp = file.readUIntBE(at + 4, 3) + file[at + 7]! * 2 ** 24;
    const kind = KINDS[file[at]!];
    if (kind) tags.push({ kind, timestamp, body });
    at += TAG_HEADER_SIZE + size + 4;
  }
  return tags;
}

/** Encodes media by ffmpeg. @returns its FLV tags */
export async function readFlv(args: string[]): Promise<FileTag[]> {
  return flvTags(await makeFlv(args));
}
