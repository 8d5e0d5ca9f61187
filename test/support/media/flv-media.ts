import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { FlvTag, SourceInfo } from '../../../src/media/index.js';

const execute = promisify(execFile);

export type TestMediaOptions = {
  /** Output path; the extension selects the container (`.flv`, `.mp4`). */
  file: string;
  durationS: number;
  /** Audio only when absent. */
  video?: {
    width: number;
    height: number;
    /** Frame rate in ffmpeg's notation: `30`, `30000/1001`. */
    rate: string;
    /** Consecutive B-frames. */
    bFrames?: number;
    /** Keyframe interval, s, or the exact times of all keyframes. */
    keyframes: number | number[];
    pixelFormat?: string;
  };
  /** Video only when absent. */
  audio?: { sampleRate: number; channels: 1 | 2 };
};

/** Encodes a moving test pattern and a beeping tone by ffmpeg. */
export async function encodeTestMedia(options: TestMediaOptions): Promise<string> {
  const { video, audio, durationS } = options;
  const args = ['-v', 'error', '-y'];
  if (video) {
    const { width, height, rate } = video;
    args.push('-f', 'lavfi', '-i', `testsrc2=size=${width}x${height}:rate=${rate}:duration=${durationS}`);
  }
  if (audio)
    args.push(
      '-f',
      'lavfi',
      '-i',
      `sine=frequency=440:beep_factor=4:sample_rate=${audio.sampleRate}:duration=${durationS}`,
    );
  if (video) {
    const times = Array.isArray(video.keyframes)
      ? video.keyframes.join(',')
      : `expr:gte(t,n_forced*${video.keyframes})`;
    args.push('-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', video.pixelFormat ?? 'yuv420p');
    args.push('-bf', String(video.bFrames ?? 0), '-g', '100000', '-sc_threshold', '0', '-forced-idr', '1');
    args.push('-force_key_frames', times, '-b:v', '600k', '-maxrate', '700k', '-bufsize', '600k');
  }
  if (audio) args.push('-c:a', 'aac', '-b:a', '96k', '-ac', String(audio.channels));
  args.push(options.file);
  await execute('ffmpeg', args);
  return options.file;
}

export type TestMedia = {
  has: { audio: boolean; video: boolean };
  tags: FlvTag[];
  /** Source description as an ingest would give it. */
  info: SourceInfo;
};

/** Reads an FLV file with H.264 and AAC into tags as an ingest passes them on. */
export function readFlv(
  file: string,
  video?: TestMediaOptions['video'],
  audio?: TestMediaOptions['audio'],
): TestMedia {
  const bytes = readFileSync(file);
  const flags = bytes[4] ?? 0;
  const tags: FlvTag[] = [];
  for (let offset = 13; offset + 15 <= bytes.length; ) {
    const type = bytes[offset] ?? 0;
    const size = bytes.readUIntBE(offset + 1, 3);
    const timestamp = bytes.readUIntBE(offset + 4, 3) + (bytes[offset + 7] ?? 0) * 0x1000000;
    const body = bytes.subarray(offset + 11, offset + 11 + size);
    const kind = type === 9 ? 'video' : type === 8 ? 'audio' : 'script';
    const header = kind !== 'script' && body[1] === 0;
    const keyframe = kind === 'video' && !header && (body[0] ?? 0) >> 4 === 1;
    // The end-of-sequence tag that ffmpeg's muxer adds (AVC packet type 2) is never sent by a live encoder.
    if (kind !== 'video' || body[1] !== 2) tags.push({ kind, timestamp, body, header, keyframe });
    offset += 15 + size;
  }
  const info: SourceInfo = { protocol: 'rtmp' };
  if (video) {
    const [frames = 30, per = 1] = video.rate.split('/').map(Number);
    const { width, height } = video;
    info.video = { codec: 'h264', width, height, frameRate: frames / per };
  }
  if (audio) info.audio = { codec: 'aac', ...audio };
  return { has: { audio: (flags & 4) !== 0, video: (flags & 1) !== 0 }, tags, info };
}

/** Encodes test media and reads its tags. */
export async function createTestMedia(options: TestMediaOptions): Promise<TestMedia> {
  return readFlv(await encodeTestMedia(options), options.video, options.audio);
}

/** Repeats tags on one timeline, for `rounds` rounds of `seconds` each. */
export function repeatTags(tags: FlvTag[], seconds: number, rounds: number): FlvTag[] {
  return Array.from({ length: rounds }, (_, round) =>
    tags
      .filter((tag) => round === 0 || (!tag.header && tag.kind !== 'script'))
      .map((tag) => ({ ...tag, timestamp: tag.timestamp + round * seconds * 1000 })),
  ).flat();
}

/**
 * Writes tags at their timestamps, as a live encoder does.
 *
 * @param speed 1 is real time; `Infinity` sends everything at once.
 */
export async function sendTags(
  tags: readonly FlvTag[],
  write: (tag: FlvTag) => void,
  { speed = 1, signal }: { speed?: number; signal?: AbortSignal } = {},
): Promise<void> {
  const startedAt = performance.now();
  for (const tag of tags) {
    const due = startedAt + tag.timestamp / speed;
    const early = due - performance.now();
    if (early > 2) await new Promise((resolve) => setTimeout(resolve, early));
    if (signal?.aborted) return;
    write(tag);
  }
}
