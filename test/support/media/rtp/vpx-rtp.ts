import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Test } from 'tap';
import { run } from '../encoder.js';

const FILE_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 12;
const MTU = 1_100;
/** Bits of the VP9 payload descriptor (RFC 9628, section 4.2). */
const VP9 = { interPredicted: 0x40, start: 0x08, end: 0x04 } as const;
/** First byte of the VP8 payload descriptor at the start of a frame (RFC 7741, section 4.2). */
const VP8_START = 0x10;

/** Encodes a loop of two seconds at 30 fps, of which the first frame is a keyframe. @returns payloads of each frame */
export async function encodeVpxLoop(t: Test, codec: 'vp8' | 'vp9'): Promise<Buffer[][]> {
  const file = path.join(t.testdir(), `${codec}.ivf`);
  const white = 'drawbox=color=white:thickness=fill:enable=lt(mod(t\\,1)\\,0.1)';
  await run('ffmpeg', [
    ...['-v', 'error', '-f', 'lavfi', '-i', `testsrc2=size=320x180:rate=30,${white}`, '-frames:v', '60'],
    ...['-c:v', codec === 'vp8' ? 'libvpx' : 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8'],
    ...['-lag-in-frames', '0', '-auto-alt-ref', '0', '-g', '60', '-b:v', '300k', '-f', 'ivf', file],
  ]);
  return ivfFrames(readFileSync(file)).map((frame, index) => payloadsOf(codec, frame, index === 0));
}

/** Reads the frames of an IVF file. */
export function ivfFrames(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = FILE_HEADER_BYTES; at < bytes.length; ) {
    const start = at + FRAME_HEADER_BYTES;
    at = start + bytes.readUInt32LE(at);
    frames.push(bytes.subarray(start, at));
  }
  return frames;
}

function payloadsOf(codec: 'vp8' | 'vp9', frame: Buffer, isKeyframe: boolean): Buffer[] {
  const payloads: Buffer[] = [];
  for (let at = 0; at < frame.length; at += MTU) {
    const start = at === 0;
    const end = at + MTU >= frame.length;
    const vp9 = (isKeyframe ? 0 : VP9.interPredicted) | (start ? VP9.start : 0) | (end ? VP9.end : 0);
    const descriptor = codec === 'vp8' ? (start ? VP8_START : 0) : vp9;
    payloads.push(Buffer.concat([Buffer.of(descriptor), frame.subarray(at, at + MTU)]));
  }
  return payloads;
}
