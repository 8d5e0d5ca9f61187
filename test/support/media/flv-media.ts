import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { FlvTag, SourceInfo } from '../../../src/media/index.js';

const execute = promisify(execFile);

export type TestMediaOptions = {
  /** Where it is written; the ending decides about the container (`.flv`, `.mp4`). */
  file: string;
  durationS: number;
  /** Without it there is sound only. */
  video?: {
    width: number;
    height: number;
    /** As ffmpeg takes it: `30`, `30000/1001`. */
    rate: string;
    /** Pictures between two others that are shown before and after them. */
    bFrames?: number;
    /** Seconds between keyframes, or the exact times of all of them. */
    keyframes: number | number[];
    pixelFormat?: string;
  };
  /** Without it there is a picture only. */
  audio?: { sampleRate: number; channels: 1 | 2 };
};

/** Makes a film by ffmpeg: a moving test picture and a beeping tone. */
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
  /** What an ingest would say of it. */
  info: SourceInfo;
};

/** Reads an FLV file with H.264 and AAC tag by tag, as an ingest would hand it over. */
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

/** Makes a film and reads it. */
export async function createTestMedia(options: TestMediaOptions): Promise<TestMedia> {
  return readFlv(await encodeTestMedia(options), options.video, options.audio);
}

/** The same tags again and again, on one timeline, for `rounds` rounds of `seconds` each. */
export function repeatTags(tags: FlvTag[], seconds: number, rounds: number): FlvTag[] {
  return Array.from({ length: rounds }, (_, round) =>
    tags
      .filter((tag) => round === 0 || (!tag.header && tag.kind !== 'script'))
      .map((tag) => ({ ...tag, timestamp: tag.timestamp + round * seconds * 1000 })),
  ).flat();
}

/**
 * Writes tags at their time, as a live encoder sends them.
 *
 * @param speed 1 is real time; `Infinity` sends everything at once.
 */
export async function sendTags(
  tags: readonly FlvTag[],
  write: (tag: FlvTag) => void,
  { speed = 1, signal }: { speed?: number; signal?: AbortSignal } = {},
): Promise<void> {
  const begin = performance.now();
  for (const tag of tags) {
    const due = begin + tag.timestamp / speed;
    const early = due - performance.now();
    if (early > 2) await new Promise((resolve) => setTimeout(resolve, early));
    if (signal?.aborted) return;
    write(tag);
  }
}
