import { execFile } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import Fastify from 'fastify';
import { parse, setOptions } from 'hls-parser';
import t from 'tap';
import { hlsRoutes } from '../../../src/egress/hls/index.js';
import { ADMIT_EVERY_VIEWER } from '../../../src/streams/index.js';
import { PackagedBroadcast } from '../../support/gateway/packaged-broadcast.js';
import { makeLadder } from '../../support/media/cmaf-ladder.js';

setOptions({ strictMode: true });
const run = promisify(execFile);
const folder = t.testdir({});
const { renditions, chunks } = await makeLadder({ folder, durationS: 10 });
const broadcast = new PackagedBroadcast({ keyframeInterval: 2.002 });
const app = Fastify();
await app.register(hlsRoutes, {
  packager: broadcast.packager,
  gate: ADMIT_EVERY_VIEWER,
  clock: broadcast.clock,
});
await app.listen({ port: 0, host: '127.0.0.1' });
t.teardown(() => app.close());
const { port } = app.server.address() as AddressInfo;
const base = `http://127.0.0.1:${port}/hls/stream-1`;

t.test('playlists over HTTP are valid: plain, blocking and delta update', async (t) => {
  const reader = broadcast.startRun(0, renditions);
  const refused: string[] = [];
  let good = 0;
  let checked = 0;
  const checkPlaylist = async (url: string): Promise<void> => {
    const response = await fetch(url);
    const text = await response.text();
    try {
      parse(text);
      good++;
    } catch (error) {
      refused.push(`${response.status} ${url}: ${error}`);
    }
  };
  let pending: Promise<void>[] = [];
  await broadcast.writeChunks(reader, chunks, async () => {
    if (checked++ % 60 !== 0 || !broadcast.multivariant()) return;
    await Promise.all(pending);
    pending = ['source', '180p', 'audio'].flatMap((id) => {
      const url = `${base}/broadcast-1/${id}/index.m3u8`;
      const hint = /PRELOAD-HINT:TYPE=PART,URI="p(\d+)\.(\d+)\.m4s"/.exec(broadcast.playlist(id))!;
      const next = `?_HLS_msn=${hint[1]}&_HLS_part=${hint[2]}`;
      return [
        checkPlaylist(url),
        checkPlaylist(`${url}?_HLS_skip=YES`),
        checkPlaylist(url + next),
        checkPlaylist(`${url}${next}&_HLS_skip=YES`),
      ];
    });
    // Requests block until the next chunks.
    await new Promise((resolve) => setTimeout(resolve, 5));
  });
  await broadcast.endBroadcast('ended-by-owner');
  await Promise.all(pending);
  await checkPlaylist(`${base}/index.m3u8`);
  t.same(refused, []);
  t.ok(good > 50, `${good} playlists`);
});

t.test('ffmpeg records audio and video without a warning', async (t) => {
  const file = path.join(folder, 'recorded.mp4');
  const { stderr } = await run('ffmpeg', [
    ...['-y', '-v', 'warning', '-i', `${base}/index.m3u8`, '-t', '5', '-c', 'copy', file],
  ]);
  t.equal(stderr, '');
  const probe = await run('ffprobe', [
    ...['-v', 'error', '-show_entries', 'stream=codec_type,start_time,duration', '-of', 'json', file],
  ]);
  const { streams } = JSON.parse(probe.stdout) as {
    streams: { codec_type: string; start_time: string; duration: string }[];
  };
  t.same(streams.map(({ codec_type }) => codec_type).sort(), ['audio', 'video']);
  for (const { duration } of streams) t.ok(Math.abs(Number(duration) - 5) < 0.3, duration);
  const [a, b] = streams.map(({ start_time }) => Number(start_time));
  t.ok(Math.abs(a! - b!) < 0.05, 'audio and video start together');
});

t.test('ffmpeg reads each variant to its end', async (t) => {
  for (const id of ['180p', 'audio']) {
    const { stderr, stdout } = await run('ffprobe', [
      ...['-v', 'warning', '-count_packets', '-show_entries', 'stream=nb_read_packets', '-of', 'csv=p=0'],
      `${base}/broadcast-1/${id}/index.m3u8`,
    ]);
    t.equal(stderr, '');
    t.ok(Number.parseInt(stdout, 10) > 290, `${stdout.trim()} packets of ${id}`);
  }
});
