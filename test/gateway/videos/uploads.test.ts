import { existsSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { signInPage } from '../../support/clients/page-session.js';
import { OPERATOR_TOKEN } from '../../support/gateway/gateway-process.js';
import { run, testMedia } from '../../support/media/encoder.js';
import { imageProperties } from '../../support/media/image-properties.js';
import { ObjectStoreServer } from '../../support/recordings/object-store-server.js';
import { UploadGateway } from '../../support/recordings/upload-gateway.js';
import { until } from '../../support/until.js';

const recordings = t.testdir();
const objects = await ObjectStoreServer.start(t);
const uploads = await UploadGateway.start(t, {
  RECORDINGS_DIR: recordings,
  THUMBNAIL_EVERY: '60',
  LADDER: '240:350k,144:150k',
  ...objects.environment,
});

t.test('an upload that is interrupted and resumed becomes a ladder that plays whole', async (t) => {
  const file = await testMedia(20);
  const id = await uploads.upload(file, { filename: '../../etc/A film.flv' }, 500_000);
  const video = await uploads.untilState(id, 'ready');
  t.match(video, { title: 'A film', visibility: 'private', progress: 1, userId: 'ada', failure: null });
  t.ok(Math.abs((video.durationS ?? 0) - 20) < 0.2, `${video.durationS} s`);
  t.notOk(existsSync(path.join(recordings, 'videos/uploads', id)), 'the uploaded file is deleted');

  for (const name of [
    ...['index.m3u8', '360p/index.m3u8', '360p/s0.m4s', '360p/init-0.mp4', 'index.mpd', 'download.mp4'],
    ...['sprites.vtt', 'sprites/0.jpg', 'poster.jpg'],
  ])
    t.equal((await fetch(uploads.media(id, name))).status, 404, `${name} is private`);
  t.equal((await uploads.request('GET', `/api/videos/${id}`, undefined, '')).status, 404);
  const owned = await fetch(uploads.media(id), { headers: { authorization: `Bearer ${OPERATOR_TOKEN}` } });
  const [, media] = /^(\S+\/240p\/index\.m3u8\?v=\S+)$/m.exec(await owned.text()) ?? [];
  t.equal(
    (await fetch(new URL(media ?? '', owned.url))).status,
    200,
    'a viewer token admits to a private one',
  );
  const opened = await uploads.request('PATCH', `/api/videos/${id}`, { visibility: 'public', title: 'Film' });
  t.match(opened.body.video, { visibility: 'public', title: 'Film' });

  const playlist = await (await fetch(uploads.media(id))).text();
  t.strictSame(
    [...playlist.matchAll(/RESOLUTION=(\S+?),/g)].map(([, size]) => size),
    ['640x360', '426x240', '256x144'],
  );
  const counts: number[] = [];
  for (const rendition of ['360p', '240p', '144p', 'audio']) {
    const media = await (await fetch(uploads.media(id, `${rendition}/index.m3u8`))).text();
    t.match(media, '#EXT-X-PLAYLIST-TYPE:VOD');
    t.notMatch(media, 'EXT-X-GAP');
    counts.push(media.match(/#EXTINF/g)?.length ?? 0);
  }
  t.strictSame(counts, [5, 5, 5, 5], 'all renditions have the same segments');
  for (const stream of ['v:0', 'v:2', 'a:0']) {
    const { stdout, stderr } = await run('ffmpeg', [
      ...['-v', 'warning', '-i', uploads.media(id), '-map', `0:${stream}`, '-f', 'framecrc', '-'],
    ]);
    t.equal(stderr, '', `${stream} is decoded without a warning`);
    const frames = stdout.split('\n').filter((line) => /^0,/.test(line)).length;
    if (stream !== 'a:0') t.ok(Math.abs(frames - 600) < 6, `${frames} frames of ${stream}`);
  }
  const tiles = await (await fetch(uploads.media(id, 'sprites.vtt'))).text();
  t.match(tiles, /00:00:00\.000 --> 00:00:1\d\.\d+\n\.\.\/[0-9a-f-]+\/sprites\/0\.jpg#xywh=0,0,160,90/);
  for (const [name, shape] of [
    ['sprites/0.jpg', 'mjpeg,160,90,1:1'],
    ['poster.jpg', 'mjpeg,256,144,1:1'],
  ] as const) {
    const picture = Buffer.from(await (await fetch(uploads.media(id, name))).arrayBuffer());
    t.equal(await imageProperties(t, picture), shape, name);
  }
  const parsed = await (await fetch(uploads.media(id, 'index.mpd'))).text();
  t.match(parsed, /<MPD [^>]*type="static"/);

  await until('it is in the object store only', () => !existsSync(path.join(recordings, id)));
  t.equal((await fetch(uploads.media(id, '240p/s1.m4s'))).status, 200);
  const decoded = await run('ffmpeg', [
    ...['-v', 'warning', '-i', uploads.media(id, 'download.mp4?height=240')],
    ...['-map', '0:v', '-f', 'framecrc', '-'],
  ]);
  t.equal(decoded.stderr, '', 'the download is decoded without a warning');
  const downloaded = decoded.stdout.split('\n').filter((line) => /^0,/.test(line)).length;
  t.ok(Math.abs(downloaded - 600) < 6, `${downloaded} frames of the download`);
  t.match((await fetch(uploads.media(id, 'download.mp4'))).headers.get('content-disposition'), /Film\.mp4/);
  const part = await fetch(uploads.media(id, '240p/s1.m4s'), { headers: { range: 'bytes=4-7' } });
  t.equal(part.status, 206);
  t.equal((await part.text()).length, 4);

  t.match((await uploads.request('GET', '/api/videos?userId=ada', undefined, '')).body.videos, [{ id }]);
  t.equal((await uploads.request('DELETE', `/api/videos/${id}`)).status, 200);
  t.equal((await fetch(uploads.media(id))).status, 404);
  await until('its objects are deleted', async () => (await objects.names()).length === 0);
});

t.test('only its owner and administrators reach an unfinished or private video', async (t) => {
  const [ada, boris] = [
    await signInPage(uploads.gateway, 'Ada', 'broadcaster'),
    await signInPage(uploads.gateway, 'Boris', 'broadcaster'),
  ];
  const { videoId } = await uploads.announce(1_000, { userId: ada.userId });
  t.equal((await ada.request('GET', `/api/videos/${videoId}`)).status, 200);
  for (const method of ['GET', 'PATCH', 'DELETE'])
    t.equal(
      (await boris.request(method, `/api/videos/${videoId}`, method === 'PATCH' ? { title: 'B' } : undefined))
        .status,
      404,
      method,
    );
  t.equal((await boris.request('POST', `/api/videos/${videoId}/cancel`, {})).status, 404);
  t.equal((await boris.request('DELETE', `/api/videos/${videoId}/upload`)).status, 404);
  t.match((await boris.request('GET', `/api/videos?userId=${ada.userId}`)).body, { videos: [] });
  t.equal((await ada.request('POST', `/api/videos/${videoId}/cancel`, {})).status, 200);
  t.equal((await ada.request('POST', `/api/videos/${videoId}/cancel`, {})).status, 409);
  t.equal(
    (await uploads.append(videoId, 0, Buffer.alloc(10))).status,
    404,
    'a cancelled upload takes nothing',
  );
  t.equal((await uploads.request('POST', '/api/videos', undefined, '')).status, 401);
});

t.test('a transcoding is cancelled while it runs', async (t) => {
  const id = await uploads.upload(await testMedia(60), { userId: 'carol' });
  await until('its progress shows', async () => (await uploads.find(id)).progress > 0);
  t.equal((await uploads.request('POST', `/api/videos/${id}/cancel`, {})).status, 200);
  t.match(await uploads.find(id), { state: 'failed', failure: { code: 'cancelled' }, sizeBytes: 0 });
  await until('its encoder is gone', async () => (await uploads.gateway.encoderPids()).length === 0);
  await until('its files are deleted', () => !existsSync(path.join(recordings, id)));
});

t.test('a transcoding goes on after the gateway was killed, and ends', async (t) => {
  const id = await uploads.upload(await testMedia(20), { userId: 'dora', title: 'Killed' });
  await uploads.untilState(id, 'transcoding');
  const [pid] = await until('its encoder runs', async () => {
    const pids = await uploads.gateway.encoderPids();
    return pids.length > 0 && pids;
  });
  await uploads.gateway.kill('SIGKILL');
  await until('the encoder has ended too', () => !existsSync(`/proc/${pid}`));
  await uploads.gateway.start();
  const video = await uploads.untilState(id, 'ready');
  t.ok(Math.abs((video.durationS ?? 0) - 20) < 0.2, `${video.durationS} s`);
});
