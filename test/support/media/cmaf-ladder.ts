import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Rendition } from '../../../src/streams/index.js';

const run = promisify(execFile);
const FFMPEG = process.env.FFMPEG_PATH ?? 'ffmpeg';

/** Output of the gateway's encoders in the order of arrival: one chunk per frame. */
export type LadderChunk = {
  rendition: string;
  bytes: Buffer;
  /** Decode time in s. */
  timeS: number;
};

export type LadderOptions = {
  folder: string;
  durationS: number;
  /** Frames per second; default 30000/1001. */
  frameRate?: string;
  /** Frames between keyframes; default 60. */
  gop?: number;
  video?: boolean;
  audio?: boolean;
  /** Encoded heights besides the source, which is passed through as `source`; default one of 180. */
  rungs?: number[];
  passthrough?: boolean;
};

const MUX = [
  '-f mp4 -movflags +cmaf+frag_every_frame+frag_discont+skip_trailer -use_editlist 0',
  '-avoid_negative_ts disabled -video_track_timescale 90000 -write_prft wallclock -flush_packets 1',
  '-muxdelay 0 -muxpreload 0',
]
  .join(' ')
  .split(' ');
const X264 = [
  '-fps_mode passthrough -enc_time_base 1:90000 -c:v libx264 -preset ultrafast -tune zerolatency -b:v 300k',
  '-maxrate 330k -bufsize 300k -g 600 -keyint_min 1 -sc_threshold 0 -forced-idr 1 -force_key_frames source',
  '-flags +cgop',
]
  .join(' ')
  .split(' ');

export type Ladder = { renditions: Rendition[]; chunks: LadderChunk[]; sourceFile: string };

/** Encodes test media as a publisher would (B-frames, AAC at 44.1 kHz), then as the gateway would. */
export async function makeLadder(options: LadderOptions): Promise<Ladder> {
  const { folder, durationS, frameRate = '30000/1001', gop = 60 } = options;
  const { video = true, audio = true, rungs = [180], passthrough = true } = options;
  const flv = path.join(folder, 'source.flv');
  const videoFilter = `testsrc2=size=320x240:rate=${frameRate}:duration=${durationS}`;
  const audioFilter = `sine=frequency=440:sample_rate=44100:duration=${durationS}`;
  await run(FFMPEG, [
    ...['-y', '-v', 'error'],
    ...(video ? ['-f', 'lavfi', '-i', videoFilter] : []),
    ...(audio ? ['-f', 'lavfi', '-i', audioFilter] : []),
    ...(video
      ? ['-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '2', '-g', String(gop), '-sc_threshold', '0']
      : []),
    ...(video ? ['-x264-params', 'scenecut=0:open-gop=0', '-pix_fmt', 'yuv420p', '-b:v', '500k'] : []),
    ...(audio ? ['-c:a', 'aac', '-b:a', '96k'] : []),
    ...['-f', 'flv', flv],
  ]);
  const renditions: Rendition[] = [];
  const outputs: string[] = [];
  const add = (rendition: Rendition, ...args: string[]): void => {
    renditions.push(rendition);
    outputs.push(...args, ...MUX, path.join(folder, `${rendition.id}.mp4`));
  };
  if (video) {
    rungs.forEach((height, index) => {
      const rung: Rendition = { id: `${height}p`, kind: 'video', passthrough: false };
      add(rung, '-map', `[v${index}]`, ...X264);
    });
    if (passthrough) {
      add({ id: 'source', kind: 'video', passthrough: true }, '-map', '0:v:0', '-c:v', 'copy');
    }
  }
  if (audio) {
    const audioRendition: Rendition = { id: 'audio', kind: 'audio', passthrough: false };
    add(audioRendition, '-map', '0:a:0', '-c:a', 'aac', '-b:a', '96k', '-ar', '48000', '-ac', '2');
  }
  const filter =
    `[0:v:0]split=${rungs.length}${rungs.map((_, index) => `[s${index}]`).join('')};` +
    rungs.map((height, index) => `[s${index}]scale=-2:${height},format=yuv420p[v${index}]`).join(';');
  await run(FFMPEG, [
    ...['-y', '-v', 'error', '-copyts', '-itsoffset', '10', '-i', flv],
    ...(video && rungs.length > 0 ? ['-filter_complex', filter] : []),
    ...outputs,
  ]);
  const all = await Promise.all(
    renditions.map(async ({ id }) => splitChunks(id, await readFile(path.join(folder, `${id}.mp4`)))),
  );
  return { renditions, chunks: interleave(all.flat()), sourceFile: flv };
}

/** Sorts by decode time, as one encoder process would write them. */
export function interleave(chunks: LadderChunk[]): LadderChunk[] {
  return chunks
    .map((chunk, index) => ({ chunk, index }))
    .sort((a, b) => a.chunk.timeS - b.chunk.timeS || a.index - b.index)
    .map(({ chunk }) => chunk);
}

/** Cuts a file at its fragments, independently of the code under test. */
function splitChunks(rendition: string, file: Buffer): LadderChunk[] {
  const chunks: LadderChunk[] = [];
  let start = 0;
  let timescale = 1;
  let timeS = 0;
  for (let at = 0; at < file.length; ) {
    const size = file.readUInt32BE(at);
    const type = file.toString('latin1', at + 4, at + 8);
    const box = file.subarray(at, at + size);
    at += size;
    if (type === 'moov') {
      const mdhd = box.indexOf('mdhd');
      timescale = box.readUInt32BE(mdhd + 16);
      chunks.push({ rendition, bytes: file.subarray(start, at), timeS: 0 });
      start = at;
    } else if (type === 'moof') {
      timeS = Number(box.readBigUInt64BE(box.indexOf('tfdt') + 8)) / timescale;
    } else if (type === 'mdat') {
      chunks.push({ rendition, bytes: file.subarray(start, at), timeS });
      start = at;
    }
  }
  return chunks;
}
