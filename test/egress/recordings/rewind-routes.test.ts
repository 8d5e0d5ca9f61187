import { parse, setOptions, type types } from 'hls-parser';
import t from 'tap';
import { OPERATOR_TOKEN } from '../../support/gateway/gateway-process.js';
import { publish, run, testMedia } from '../../support/media/encoder.js';
import { RecordingGateway } from '../../support/recordings/recording-gateway.js';
import { until } from '../../support/until.js';

setOptions({ strictMode: true });

type Listed = { at: URL; text: string; playlist: types.MediaPlaylist };

/** Reads the first variant's media playlist, or another one's. */
async function readMedia(url: string, rendition = /\/\d+p\//, headers = {}): Promise<Listed | undefined> {
  const response = await fetch(url, { headers });
  if (!response.ok) return undefined;
  const { variants } = parse(await response.text()) as types.MasterPlaylist;
  const uris = variants.flatMap(({ uri, audio }) => [uri, ...audio.flatMap((each) => each.uri ?? [])]);
  const at = new URL(uris.find((uri) => rendition.test(uri)) ?? '', url);
  return { at, ...(await readPlaylist(at)) };
}

async function readPlaylist(at: URL): Promise<{ text: string; playlist: types.MediaPlaylist }> {
  const text = await (await fetch(at)).text();
  // The parser takes any server control for low latency, which needs further attributes.
  const readable = text.replace('#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=12.0\n', '');
  return { text, playlist: parse(readable) as types.MediaPlaylist };
}

const nameOf = (uri: string): string => new URL(uri, 'http://any').pathname.split('/').pop() ?? '';
/** Numbers of the segments by their names: media sequence and discontinuity sequence. */
function numbersOf({ playlist }: Listed): Map<string, string> {
  let discontinuity = playlist.discontinuitySequenceBase ?? 0;
  return new Map(
    playlist.segments.map(({ uri, discontinuity: isNew }, index) => {
      if (isNew && index > 0) discontinuity++;
      return [nameOf(uri), `${(playlist.mediaSequenceBase ?? 0) + index} in ${discontinuity}`];
    }),
  );
}
const mediaLines = (text: string): string =>
  text.slice(text.indexOf('#EXT-X-MAP')).replace('#EXT-X-ENDLIST\n', '');

t.test('a broadcast that is not recorded can be rewound over reconnects and restarts', async (t) => {
  const recorder = await RecordingGateway.start(t, { WINDOW_DURATION: '12', DVR_WINDOW: '7200' });
  const { gateway } = recorder;
  const livestream = await gateway.createLivestream();
  const source = await testMedia(60);
  const url = `${gateway.http}/rewind/${livestream.streamId}/index.m3u8`;
  const untilSeconds = (seconds: number, rendition?: RegExp): Promise<Listed> =>
    until(`${seconds} s can be rewound`, async () => {
      const read = await readMedia(url, rendition);
      const totalS = read?.playlist.segments.reduce((sum, { duration }) => sum + duration, 0) ?? 0;
      return read && totalS >= seconds && read;
    });
  let encoder = publish(t, source, livestream.rtmp);
  const first = await untilSeconds(4);
  t.equal(first.playlist.playlistType, 'EVENT');
  t.equal(first.playlist.mediaSequenceBase, 0);
  await encoder.stop();
  encoder = publish(t, source, livestream.rtmp);
  const second = await untilSeconds(14);
  t.ok(mediaLines(second.text).startsWith(mediaLines(first.text)), 'what was listed stays');
  const live = await readMedia(livestream.hls);
  const [liveNumbers, rewindNumbers] = [numbersOf(live!), numbersOf(second)];
  t.ok(live!.playlist.segments[0]!.uri !== second.playlist.segments[0]!.uri, 'the live playlist is shorter');
  const common = [...rewindNumbers].filter(([name]) => liveNumbers.has(name));
  t.ok(common.length >= 2, `${common.length} common segments`);
  for (const [name, number] of common) t.equal(number, liveNumbers.get(name), name);
  const audio = await untilSeconds(14, /\/audio\//);
  t.strictSame(
    [...numbersOf(audio).keys()].slice(0, rewindNumbers.size),
    [...rewindNumbers.keys()].slice(0, numbersOf(audio).size),
    'all renditions have the same segments',
  );

  await gateway.kill('SIGKILL');
  await encoder.ended;
  await gateway.start();
  publish(t, source, livestream.rtmp);
  const third = await untilSeconds(18);
  t.ok(mediaLines(third.text).startsWith(mediaLines(second.text)), 'what was listed stays after a restart');
  t.equal(third.playlist.playlistType, 'EVENT');
  t.ok(third.text.split('#EXT-X-DISCONTINUITY\n').length >= 3, 'each run is a discontinuity');
  for (const { uri, map } of third.playlist.segments) {
    const response = await fetch(new URL(uri, third.at));
    t.match(Object.fromEntries(response.headers), {
      'cache-control': 'public, max-age=3600, s-maxage=1, immutable',
      'accept-ranges': 'bytes',
    });
    t.equal(response.status, 200, uri);
    await response.arrayBuffer();
    if (map?.uri) t.equal((await fetch(new URL(map.uri, third.at))).status, 200);
  }
  const delta = await (await fetch(`${third.at}&_HLS_skip=YES`)).text();
  t.match(delta, /#EXT-X-SKIP:SKIPPED-SEGMENTS=[1-9]/);
  t.ok(
    third.text.endsWith(delta.slice(delta.indexOf('#EXTINF'))),
    'a delta update has the end of the playlist',
  );

  const wrong = await gateway.createLivestream();
  const other = third.at.href.replace(livestream.streamId, wrong.streamId);
  t.equal((await fetch(other)).status, 404, 'not by the address of another livestream');
  await recorder.end(livestream);
  const last = await until('it has ended', async () => {
    const read = await readPlaylist(third.at);
    return read.playlist.endlist && read;
  });
  const totalS = last.playlist.segments.reduce((sum, { duration }) => sum + duration, 0);
  const probed = await run('ffprobe', [
    ...['-v', 'error', '-i', third.at.href, '-count_packets', '-select_streams', 'v:0'],
    ...['-show_entries', 'stream=nb_read_packets', '-of', 'csv=p=0'],
  ]);
  const frames = Number(probed.stdout.split('\n')[0]);
  const expected = totalS * (30_000 / 1_001);
  t.ok(Math.abs(frames - expected) < 6, `ffmpeg reads ${frames} of ${expected} frames`);
  t.strictSame(await recorder.recordings(livestream), [], 'the window is no recording');
});

t.test('the window of a recorded, private broadcast is its recording, for its viewers alone', async (t) => {
  const recorder = await RecordingGateway.start(t, { DVR_WINDOW: '7200' });
  const { gateway } = recorder;
  const livestream = await recorder.createRecorded();
  await gateway.api('PATCH', `/${livestream.streamId}`, { visibility: 'private' });
  const url = `${gateway.http}/rewind/${livestream.streamId}/index.m3u8`;
  const headers = { authorization: `Bearer ${OPERATOR_TOKEN}` };
  publish(t, await testMedia(60), livestream.rtmp);
  const listed = await until('it can be rewound', () => readMedia(url, /\/\d+p\//, headers));
  const rows = await recorder.sql`select purpose from recordings`;
  t.strictSame(
    rows.map(({ purpose }) => purpose),
    ['recording'],
    'nothing is written twice',
  );
  t.equal((await fetch(url)).status, 404);
  const segment = new URL(listed.playlist.segments[0]!.uri, listed.at);
  t.equal((await fetch(segment)).headers.get('cache-control'), 'private, no-store');
  for (const address of [listed.at, segment]) {
    t.equal((await fetch(address)).status, 200);
    address.search = '';
    t.equal((await fetch(address)).status, 404, `${address} without a token`);
  }
});
