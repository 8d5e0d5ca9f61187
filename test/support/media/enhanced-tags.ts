import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Test } from 'tap';
import { run } from './encoder.js';
import { mediaPackets } from './enhanced/media-packets.js';
import type { FileTag } from './flv-file.js';
import { obuBytes, temporalUnits } from './rtp/av1-rtp.js';
import { encodeBeep } from './rtp/opus-rtp.js';
import { ivfFrames } from './rtp/vpx-rtp.js';

export type EnhancedCodec = 'hevc' | 'av1' | 'vp9' | 'vp8';

const FRAME_RATE = 30;
/** Video that turns white in the first tenth of every second. */
const FLASHING = `testsrc2=size=320x180:rate=${FRAME_RATE},drawbox=color=white:thickness=fill:enable=lt(mod(t\\,1)\\,0.1)`;
/** Group of pictures. */
const LOOP_FRAMES = 60;
const OPUS_PACKET_MS = 20;
/** First bytes of video tags with coded frames and no composition time, and of audio tags (Enhanced RTMP v2). */
const VIDEO_HEAD = { key: 0x93, inter: 0xa3, opus: 0x91 } as const;
/** First bytes of video tags with a configuration, and with coded frames after their composition time. */
const COMPOSED_HEAD = { configuration: 0x90, key: 0x91, inter: 0xa1 } as const;
const FOUR_CC: Record<EnhancedCodec, string> = { hevc: 'hvc1', av1: 'av01', vp9: 'vp09', vp8: 'vp08' };
const ENCODERS: Record<EnhancedCodec, { options: string; format: string }> = {
  hevc: {
    options:
      '-c:v libx265 -preset ultrafast -bf 0 -x265-params keyint=60:min-keyint=60:scenecut=0:aud=1:log-level=none',
    format: 'hevc',
  },
  av1: { options: '-c:v libaom-av1 -usage realtime -cpu-used 8 -lag-in-frames 0 -g 60', format: 'obu' },
  vp9: {
    options: '-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -lag-in-frames 0 -auto-alt-ref 0 -g 60',
    format: 'ivf',
  },
  vp8: { options: '-c:v libvpx -deadline realtime -cpu-used 8 -lag-in-frames 0 -g 60', format: 'ivf' },
};
/** Access unit delimiter of HEVC with its start code. */
const DELIMITER = Buffer.from([0, 0, 0, 1, 0x46, 1]);

/**
 * Creates tags of enhanced RTMP with video of 320x180 and Opus, without decoder configurations. The video turns white and a
 * tone sounds in the first tenth of every second.
 */
export async function enhancedTags(t: Test, codec: EnhancedCodec, durationS: number): Promise<FileTag[]> {
  const [frames, packets] = [await encodeLoop(t, codec), await encodeBeep(t)];
  const video = Array.from({ length: durationS * FRAME_RATE }, (_, i): FileTag => {
    const first = i % LOOP_FRAMES === 0 ? VIDEO_HEAD.key : VIDEO_HEAD.inter;
    const timestamp = Math.round((i * 1_000) / FRAME_RATE);
    return { kind: 'video', timestamp, body: tagBody(first, FOUR_CC[codec], frames[i % LOOP_FRAMES]!) };
  });
  const audio = Array.from({ length: (durationS * 1_000) / OPUS_PACKET_MS }, (_, i): FileTag => {
    const body = tagBody(VIDEO_HEAD.opus, 'Opus', packets[i % packets.length]!);
    return { kind: 'audio', timestamp: i * OPUS_PACKET_MS, body };
  });
  return [...video, ...audio].sort((one, other) => one.timestamp - other.timestamp);
}

/**
 * Creates video tags of HEVC with one IDR picture, and then open groups of pictures: two seconds with three B-frames. Their
 * flashes are those of `enhancedTags`.
 */
export async function openHevcTags(t: Test, durationS: number): Promise<FileTag[]> {
  const file = path.join(t.testdir(), 'open.mp4');
  const x265 = 'open-gop=1:bframes=3:keyint=60:min-keyint=60:scenecut=0:log-level=none';
  await run('ffmpeg', [
    ...['-v', 'error', '-f', 'lavfi', '-i', FLASHING, '-t', String(durationS), '-pix_fmt', 'yuv420p'],
    ...['-c:v', 'libx265', '-preset', 'ultrafast', '-b:v', '300k', '-x265-params', x265, file],
  ]);
  const { configuration, packets } = await mediaPackets(file);
  const offsetMs = packets[0]!.dtsMs;
  const frames = packets.map(({ data, ptsMs, dtsMs, isKeyframe }): FileTag => {
    const compositionTime = Buffer.alloc(3);
    compositionTime.writeIntBE(ptsMs - dtsMs, 0, 3);
    const first = isKeyframe ? COMPOSED_HEAD.key : COMPOSED_HEAD.inter;
    const body = tagBody(first, FOUR_CC.hevc, Buffer.concat([compositionTime, data]));
    return { kind: 'video', timestamp: dtsMs - offsetMs, body };
  });
  const header = tagBody(COMPOSED_HEAD.configuration, FOUR_CC.hevc, configuration);
  return [{ kind: 'video', timestamp: 0, body: header }, ...frames];
}

function tagBody(first: number, fourCc: string, data: Buffer): Buffer {
  return Buffer.concat([Buffer.of(first), Buffer.from(fourCc, 'latin1'), data]);
}

async function encodeLoop(t: Test, codec: EnhancedCodec): Promise<Buffer[]> {
  const { options, format } = ENCODERS[codec];
  const file = path.join(t.testdir(), `loop.${format}`);
  await run('ffmpeg', [
    ...['-v', 'error', '-f', 'lavfi', '-i', FLASHING],
    ...['-frames:v', String(LOOP_FRAMES), '-pix_fmt', 'yuv420p', '-b:v', '300k', ...options.split(' ')],
    ...['-f', format, file],
  ]);
  if (codec === 'av1')
    return temporalUnits(file).map((unit) => Buffer.concat(unit.map((obu) => obuBytes(obu, true))));
  const bytes = readFileSync(file);
  return codec === 'hevc' ? accessUnits(bytes) : ivfFrames(bytes);
}

function accessUnits(stream: Buffer): Buffer[] {
  const units: Buffer[] = [];
  for (let at = stream.indexOf(DELIMITER); at >= 0; ) {
    const next = stream.indexOf(DELIMITER, at + 1);
    units.push(stream.subarray(at, next < 0 ? stream.length : next));
    at = next;
  }
  return units;
}
