import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { RtmpClient } from '../../test/support/clients/rtmp-client.js';
import { type FileTag, flvTags } from '../../test/support/media/flv-file.js';

const CHUNK_SIZE = 60_000;
const TICK_MS = 2;

/** Encodes a clip of 720p30 at 2.5 Mbit/s with a keyframe every 2 s. @returns its tags */
export function makeClip(durationS: number): FileTag[] {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'headend-bench-'));
  const file = path.join(folder, 'clip.flv');
  const inputs =
    '-f lavfi -i testsrc2=size=1280x720:rate=30,noise=alls=8:allf=t -f lavfi -i sine=frequency=440:sample_rate=48000';
  const rate = '-b:v 2500k -maxrate 2500k -bufsize 2500k -g 60 -keyint_min 60 -sc_threshold 0';
  const video = `-c:v libx264 -preset veryfast -tune zerolatency ${rate} -pix_fmt yuv420p`;
  const args = `-v error ${inputs} -t ${durationS} ${video} -c:a aac -b:a 128k -f flv`;
  execFileSync('ffmpeg', [...args.split(' '), file]);
  const tags = flvTags(readFileSync(file));
  rmSync(folder, { recursive: true });
  return tags;
}

/** Unix ms with fractions; the same in pages of this machine. */
export const now = (): number => performance.timeOrigin + performance.now();

/** Publishes a clip in real time. @returns the time of the first media message, and a function that ends it */
export async function publishClip(
  rtmp: string,
  tags: readonly FileTag[],
): Promise<{ startedAt: number; stop(): void }> {
  const url = new URL(rtmp.replace('rtmp:', 'http:'));
  const client = new RtmpClient(Number(url.port));
  await client.start(url.pathname.split('/').at(-1) ?? '');
  client.setChunkSize(CHUNK_SIZE);
  const media = tags.filter(({ kind }) => kind !== 'script');
  const startedAt = now();
  let next = 0;
  let timer: NodeJS.Timeout | undefined;
  const step = (): void => {
    const atMs = now() - startedAt;
    for (let tag = media[next]; tag && tag.timestamp <= atMs && !client.closed; tag = media[++next])
      if (tag.kind !== 'script') client[tag.kind](tag.timestamp, tag.body);
    timer = setTimeout(step, TICK_MS);
  };
  step();
  return {
    startedAt,
    stop: () => {
      clearTimeout(timer);
      client.destroy();
    },
  };
}
