import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Test } from 'tap';
import { run, testMedia } from '../media/encoder.js';
import { type FileTag, flvTags } from '../media/flv-file.js';
import { assertInSync } from '../media/hls-recording.js';
import { publishTags } from '../publishers/rtmp-tag-publisher.js';
import { until } from '../until.js';
import type { GatewayProcess, Livestream } from './gateway-process.js';

const DURATION_S = 40;
/** Media before a viewer joins, s: more than one group of pictures. */
const JOIN_AFTER_S = 5;
const RECORDED_S = 6;

export type SourceStatus = {
  source: { video?: { width: number; height: number; frameRate: number }; audio?: object } | null;
  notices: { topic: string; message: string }[];
};

/** Source as an encoder sends it, and what must become of it. */
export type OddSource = {
  tags: FileTag[];
  /** Whether there is sound for viewers; true by default. */
  hasAudio?: boolean;
  /** Messages of the notices; none by default. */
  notices?: RegExp[];
  /** Frames per second that are announced. */
  frameRate?: number;
};

/** Creates `testMedia()` of 320x180. @returns its tags */
export async function oddMedia(options: Parameters<typeof testMedia>[1] = {}): Promise<FileTag[]> {
  const file = await testMedia(DURATION_S, { size: '320x180', bitrate: '300k', ...options });
  return flvTags(readFileSync(file));
}

export async function statusOf(gateway: GatewayProcess, { streamId }: Livestream): Promise<SourceStatus> {
  return (await gateway.api<{ stream: SourceStatus }>('GET', `/${streamId}`)).stream;
}

/** Records what a viewer who joins now decodes; an error of decoding fails the test. @returns the file */
export async function recordStrictly(t: Test, { hls }: Livestream): Promise<string> {
  const file = path.join(t.testdir(), 'recording.mp4');
  const args = ['-v', 'error', '-xerror', '-i', hls, '-t', String(RECORDED_S)];
  const { stderr } = await run('ffmpeg', [...args, '-c:v', 'libx264', '-preset', 'ultrafast', file]);
  t.equal(stderr, '', 'ffmpeg decodes what a late viewer gets');
  return file;
}

/** Reads width and height of a file's video: `320,180`. */
export async function sizeOf(file: string): Promise<string> {
  const args = ['-v', 'error', '-select_streams', 'v', '-show_entries', 'stream=width,height'];
  return (await run('ffprobe', [...args, '-of', 'csv=p=0', file])).stdout.trim();
}

/** Reads the first media playlist of a livestream. */
export async function readMediaPlaylist({ hls }: Livestream): Promise<string> {
  const multivariant = await (await fetch(hls)).text();
  const name = /^[^#\n]+\.m3u8.*/m.exec(multivariant)?.[0] ?? '';
  return await (await fetch(new URL(name, hls))).text();
}

/** Waits until a viewer who joins gets one run: ffmpeg 5 does not read a second initialization section. */
export async function untilContinuous(livestream: Livestream): Promise<void> {
  await until('enough is published since the last discontinuity', async () => {
    const [current = ''] = (await readMediaPlaylist(livestream)).split('#EXT-X-DISCONTINUITY\n').slice(-1);
    const durations = [...current.matchAll(/#EXTINF:([\d.]+)/g)].map((match) => Number(match[1]));
    return durations.length >= 3 && durations.reduce((sum, duration) => sum + duration) >= JOIN_AFTER_S;
  });
}

/** Asserts that a source plays from beginning to end as if it were not odd. */
export async function assertPlays(
  t: Test,
  gateway: GatewayProcess,
  { tags, hasAudio = true, notices = [], frameRate }: OddSource,
): Promise<void> {
  const livestream = await gateway.createLivestream();
  const client = await publishTags(t, gateway, livestream, tags);
  await gateway.untilLive(livestream);
  await untilContinuous(livestream);
  const file = await recordStrictly(t, livestream);
  t.equal(await sizeOf(file), '320,180');
  if (hasAudio) await assertInSync(t, file, RECORDED_S - 2);
  const status = await until('the source is described', async () => {
    const found = await statusOf(gateway, livestream);
    return found.notices.length >= notices.length && found;
  });
  const messages = status.notices.map(({ message }) => message);
  t.equal(messages.length, notices.length, messages.join(' '));
  t.match(messages, notices);
  t.equal(status.source?.audio !== undefined, hasAudio);
  if (frameRate) t.ok(Math.abs((status.source?.video?.frameRate ?? 0) - frameRate) < 1);
  t.equal(client.closed, false);
}
