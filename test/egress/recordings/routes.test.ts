import { writeFileSync } from 'node:fs';
import { parse, setOptions, type types } from 'hls-parser';
import t from 'tap';
import { OPERATOR_TOKEN } from '../../support/gateway/gateway-process.js';
import { publish, run, testMedia } from '../../support/media/encoder.js';
import { flashToBeep } from '../../support/media/flash-and-beep.js';
import { ObjectStoreServer } from '../../support/recordings/object-store-server.js';
import { RecordingGateway } from '../../support/recordings/recording-gateway.js';
import { until } from '../../support/until.js';

setOptions({ strictMode: true });

const get = (url: URL | string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { headers });

async function readMultivariant(url: string, headers = {}): Promise<types.MasterPlaylist> {
  const response = await get(url, headers);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return parse(await response.text()) as types.MasterPlaylist;
}

/** Reads the media playlists of a multivariant playlist. @returns their URLs and content */
async function readMedia(url: string, headers = {}): Promise<{ at: URL; playlist: types.MediaPlaylist }[]> {
  const { variants } = await readMultivariant(url, headers);
  const addresses = [
    ...new Set(variants.flatMap(({ uri, audio }) => [uri, ...audio.flatMap((each) => each.uri ?? [])])),
  ];
  return await Promise.all(
    addresses.map(async (uri) => {
      const at = new URL(uri, url);
      return { at, playlist: parse(await (await get(at)).text()) as types.MediaPlaylist };
    }),
  );
}

/** Reads a recording's URL as the gateway of the test serves it. */
function onGateway(recorder: RecordingGateway, url = ''): string {
  return `${recorder.gateway.http}${new URL(url).pathname}`;
}

t.test('a recording is played at once after the end, with the bytes that were live', async (t) => {
  // A slate would be a further discontinuity, depending on how long the reconnect takes.
  const recorder = await RecordingGateway.start(t, { SLATE: 'off' });
  const livestream = await recorder.createRecorded();
  const source = await testMedia(60);
  const live = new Map<string, Buffer>();
  const readLive = async (): Promise<void> => {
    for (const { at, playlist } of await readMedia(livestream.hls))
      for (const { uri } of playlist.segments) {
        const url = new URL(uri, at);
        const name = url.pathname.split('/').slice(-2).join('/');
        if (uri && !live.has(name)) live.set(name, Buffer.from(await (await get(url)).arrayBuffer()));
      }
  };
  for (const seconds of [6, 11]) {
    const encoder = publish(t, source, livestream.rtmp);
    await recorder.untilSeconds(livestream, seconds);
    await readLive();
    await encoder.stop();
    await until(
      'it waits',
      async () => (await recorder.gateway.state(livestream.streamId)) === 'reconnecting',
    );
  }
  await readLive();
  await recorder.end(livestream);
  const { stream } = await recorder.gateway.api<{ stream: { recordingUrl: string } }>(
    'GET',
    `/${livestream.streamId}`,
  );
  const [{ playback, durationS } = { playback: null, durationS: 0 }] = await recorder.recordings(livestream);
  t.equal(playback?.hls, stream.recordingUrl, 'there is a URL as soon as the livestream has ended');
  const url = onGateway(recorder, stream.recordingUrl);
  t.ok(live.size >= 10, `${live.size} live segments`);
  const recorded = await readMedia(url);
  t.equal(recorded.length, 2);
  let compared = 0;
  for (const { at, playlist } of recorded) {
    t.equal(playlist.playlistType, 'VOD');
    t.equal(playlist.endlist, true);
    t.equal(
      playlist.segments.filter(({ discontinuity }) => discontinuity).length,
      1,
      'the reconnect is kept',
    );
    const totalS = playlist.segments.reduce((sum, { duration }) => sum + duration, 0);
    // The duration is that of the longest rendition of both runs; a publisher that is stopped ends its tracks within 0.1 s.
    t.ok(Math.abs(totalS - durationS) < 0.2, `${totalS} of ${durationS} s`);
    for (const { uri, map } of playlist.segments) {
      const response = await get(new URL(uri, at));
      t.match(Object.fromEntries(response.headers), {
        'cache-control': 'public, max-age=3600, s-maxage=1, immutable',
        'accept-ranges': 'bytes',
        'access-control-allow-origin': '*',
        etag: '"1"',
      });
      const bytes = Buffer.from(await response.arrayBuffer());
      const expected = live.get(new URL(uri, at).pathname.split('/').slice(-2).join('/'));
      if (expected) compared++;
      if (expected) t.ok(bytes.equals(expected), `${uri} is what was live`);
      if (map?.uri) t.equal((await get(new URL(map.uri, at))).status, 200);
    }
  }
  t.equal(compared, live.size, 'every live segment is recorded');

  const countFrames = async (input: string): Promise<number> => {
    const { stdout } = await run('ffprobe', [
      ...['-v', 'error', '-i', input, '-select_streams', 'v:0', '-count_packets'],
      ...['-show_entries', 'stream=nb_read_packets', '-of', 'csv=p=0'],
    ]);
    return Number(stdout.split('\n')[0]);
  };
  const frames = await countFrames(url);
  const expectedFrames = durationS * (30_000 / 1_001);
  t.ok(Math.abs(frames - expectedFrames) < 5, `${frames} of ${expectedFrames}`);

  const download = url.replace('index.m3u8', 'download.mp4');
  t.equal(playback?.mp4 && onGateway(recorder, playback.mp4), download);
  const downloaded = await get(download);
  t.equal(downloaded.status, 200);
  const { etag = '', ...headers } = Object.fromEntries(downloaded.headers);
  t.match(headers, { 'content-type': 'video/mp4', 'accept-ranges': 'bytes' });
  t.match(headers['content-disposition'], /^attachment; filename="[\w ]+\.mp4"; filename\*=UTF-8''/);
  const movie = Buffer.from(await downloaded.arrayBuffer());
  t.equal(movie.length, Number(headers['content-length']), 'the size is announced');
  const folder = t.testdir();
  const movieFile = `${folder}/movie.mp4`;
  writeFileSync(movieFile, movie);
  t.equal(await countFrames(movieFile), frames, 'it has the frames of the playlist');
  // The reconnect may separate a flash from its beep.
  const offsets = (await flashToBeep(movieFile)).filter((offset) => Math.abs(offset) < 0.2);
  t.ok(offsets.length >= durationS - 4, `${offsets.length} flashes with a beep`);
  t.ok(Math.max(...offsets.map(Math.abs)) < 0.06, `sound and picture are together: ${offsets}`);
  const middle = Math.floor(movie.length / 2);
  const resumed = await get(download, { range: `bytes=${middle}-`, 'if-range': etag });
  t.equal(resumed.status, 206);
  t.ok(Buffer.from(await resumed.arrayBuffer()).equals(movie.subarray(middle)), 'it can be resumed');
  const other = await get(download, { range: `bytes=${middle}-`, 'if-range': '"other"' });
  t.equal(other.status, 200, 'not from another version');
  await other.body?.cancel();
  t.equal((await get(download, { range: `bytes=${movie.length}-` })).status, 416);
  t.equal((await get(download, { 'if-none-match': etag })).status, 304);
  const downloadHead = await fetch(download, { method: 'HEAD' });
  t.equal(downloadHead.headers.get('content-length'), String(movie.length));
  const named = await fetch(`${download}?height=360`, { method: 'HEAD' });
  t.match(named.headers.get('content-disposition'), / 360p\.mp4"/);
  for (const [query, status, code] of [
    ['height=720', 404, 'rendition_not_found'],
    ['height=x', 400, 'bad_request'],
    ['part=0', 400, 'bad_request'],
    ['part=2', 404, 'rendition_not_found'],
  ] as const) {
    const refused = await get(`${download}?${query}`);
    t.equal(refused.status, status, query);
    t.match(await refused.json(), { error: { code } });
  }

  const { at, playlist } = recorded[0]!;
  const segment = new URL(playlist.segments[1]!.uri, at);
  const whole = Buffer.from(await (await get(segment)).arrayBuffer());
  for (const [range, status, first, last] of [
    ['bytes=0-99', 206, 0, 99],
    ['bytes=100-', 206, 100, whole.length - 1],
    ['bytes=-50', 206, whole.length - 50, whole.length - 1],
    ['bytes=5-5', 206, 5, 5],
    ['bytes=9-3', 200, 0, whole.length - 1],
  ] as const) {
    const response = await get(segment, { range });
    t.equal(response.status, status, range);
    t.ok(Buffer.from(await response.arrayBuffer()).equals(whole.subarray(first, last + 1)), range);
    if (status === 206)
      t.equal(response.headers.get('content-range'), `bytes ${first}-${last}/${whole.length}`);
  }
  const beyond = await get(segment, { range: `bytes=${whole.length}-` });
  t.equal(beyond.status, 416);
  t.equal((await get(segment, { 'if-none-match': '"1"' })).status, 304);
  const head = await fetch(segment, { method: 'HEAD' });
  t.equal(head.headers.get('content-length'), String(whole.length));
  for (const wrong of ['s99999.m4s', 's01.m4s', 'init-9.mp4', '../../../store-id', '%2e%2e/x', 'p1.0.m4s'])
    t.equal((await get(new URL(wrong, at))).status, 404, wrong);
});

t.test(
  'a private recording in an object store is for those who may watch, until the permission ends',
  async (t) => {
    const store = await ObjectStoreServer.start(t);
    const recorder = await RecordingGateway.start(t, store.environment);
    const { gateway } = recorder;
    const livestream = await recorder.createRecorded();
    const encoder = publish(t, await testMedia(60), livestream.rtmp);
    await recorder.untilSeconds(livestream, 4);
    await encoder.stop();
    await recorder.end(livestream);
    const ready = await recorder.untilReady(livestream);
    const { playback } = ready;
    await until('it has left the folder', () => recorder.files(ready).length === 0);
    const url = onGateway(recorder, playback?.hls);
    const [open] = await readMedia(url);
    const openSegment = new URL(open!.playlist.segments[0]!.uri, open!.at);
    const whole = Buffer.from(await (await get(openSegment)).arrayBuffer());
    const ranged = await get(openSegment, { range: 'bytes=100-' });
    t.ok(
      Buffer.from(await ranged.arrayBuffer()).equals(whole.subarray(100)),
      'ranges are those of the segment',
    );

    await gateway.api('PATCH', `/${livestream.streamId}`, { visibility: 'private' });
    const download = url.replace('index.m3u8', 'download.mp4');
    for (const address of [url, open!.at, openSegment, download])
      t.equal((await get(address)).status, 404, String(address));
    const headers = { authorization: `Bearer ${OPERATOR_TOKEN}` };
    const admitted = await get(url, headers);
    t.equal(admitted.headers.get('cache-control'), 'private, no-store');
    const [media] = await readMedia(url, headers);
    t.ok(media?.at.searchParams.get('v'));
    const segment = new URL(media!.playlist.segments[0]!.uri, media!.at);
    t.ok(segment.searchParams.get('v'), 'media need no header');
    const response = await get(segment);
    t.equal(response.status, 200);
    t.equal(response.headers.get('cache-control'), 'private, no-store');
    t.equal(response.headers.get('etag'), null);
    const downloaded = await get(download, headers);
    t.equal(downloaded.status, 200);
    t.equal(downloaded.headers.get('cache-control'), 'private, no-store');
    const movie = Buffer.from(await downloaded.arrayBuffer());
    t.equal(
      movie.length,
      Number(downloaded.headers.get('content-length')),
      'it is downloaded from the object store',
    );
    const forged = new URL(segment);
    forged.searchParams.set('v', 'x'.repeat(40));
    t.equal((await get(forged)).status, 404);

    const [{ id } = { id: '' }] = await recorder.recordings(livestream);
    t.equal((await store.names()).length, 2);
    t.equal((await recorder.request('DELETE', `/api/recordings/${id}`)).status, 200);
    await until('it is gone', async () => (await get(segment)).status === 404);
    t.equal((await get(url, headers)).status, 404);
    await until('its objects are deleted', async () => (await store.names()).length === 0);
    const { stream } = await gateway.api<{ stream: { recordingUrl: string | null } }>(
      'GET',
      `/${livestream.streamId}`,
    );
    t.equal(stream.recordingUrl, null);
  },
);
