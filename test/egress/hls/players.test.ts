import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import Fastify from 'fastify';
import { parse, setOptions } from 'hls-parser';
import t from 'tap';
import { type CmcdSample, hlsRoutes } from '../../../src/egress/hls/index.js';
import { createLog } from '../../../src/platform/index.js';
import { ADMIT_EVERY_VIEWER } from '../../../src/streams/index.js';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import { PackagedBroadcast } from '../../support/gateway/packaged-broadcast.js';
import { makeLadder } from '../../support/media/cmaf-ladder.js';

setOptions({ strictMode: true });
const run = promisify(execFile);
const folder = t.testdir({});
const { renditions, chunks } = await makeLadder({ folder, durationS: 10 });
const broadcast = new PackagedBroadcast({ keyframeInterval: 2.002 });
const app = Fastify();
const received: IncomingHttpHeaders[] = [];
const said: CmcdSample[] = [];
app.addHook('onRequest', async ({ headers, method }) => {
  if (method === 'GET') received.push(headers);
});
await app.register(hlsRoutes, {
  packager: broadcast.packager,
  admission: ADMIT_EVERY_VIEWER,
  load: { isFull: false, share: 0 },
  recordCmcd: (sample) => void said.push(sample),
  log: createLog('silent'),
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

/** Serves a page with hls.js from an origin of its own. */
async function serveForeignPage(): Promise<string> {
  const player = readFileSync(createRequire(import.meta.url).resolve('hls.js/dist/hls.min.js'), 'utf8');
  const page = Fastify();
  page.get('/', (_request, reply) =>
    reply.type('text/html').send('<video muted></video><script src="/hls.js"></script>'),
  );
  page.get('/hls.js', (_request, reply) => reply.type('text/javascript').send(player));
  await page.listen({ port: 0, host: '127.0.0.1' });
  t.teardown(() => page.close());
  return `http://127.0.0.1:${(page.server.address() as AddressInfo).port}/`;
}

t.test(
  'hls.js on a page of another origin plays with Authorization and CMCD headers, which are read',
  async (t) => {
    const page = await openPage(t, await openChromium(t));
    await page.goto(await serveForeignPage());
    received.length = 0;
    said.length = 0;
    const error = await page.evaluate(`new Promise((resolve) => {
    const player = new Hls({
      xhrSetup: (request) => request.setRequestHeader('Authorization', 'Bearer viewer'),
      cmcd: { sessionId: '0190a0a0-0000-7000-8000-000000000001', useHeaders: true },
    });
    const video = document.querySelector('video');
    player.on('hlsError', (event, { details }) => resolve(details));
    video.ontimeupdate = () => video.currentTime > 2 && resolve('');
    player.attachMedia(video);
    player.loadSource('${base}/index.m3u8');
    video.play();
  })`);
    t.equal(error, '');
    t.ok(received.length > 3, `${received.length} requests`);
    for (const { authorization } of received) t.equal(authorization, 'Bearer viewer');
    for (const header of ['cmcd-request', 'cmcd-object', 'cmcd-session'])
      t.ok(
        received.some((headers) => headers[header]),
        header,
      );
    t.equal(new Set(said.map(({ session }) => session)).size, 1, 'one session');
    t.ok(said.some(({ isUrgent }) => isUrgent));
    t.ok(said.some(({ bufferMs = 0 }) => bufferMs > 0));
    t.ok(said.some(({ throughputKbps = 0 }) => throughputKbps > 0));
  },
);
