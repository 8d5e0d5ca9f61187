import t from 'tap';
import { OPERATOR_TOKEN, startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

const OPERATOR = { authorization: `Bearer ${OPERATOR_TOKEN}` };
const gateway = await startGatewayProcess(t, { LADDER: 'off', THUMBNAIL_EVERY: '1', DVR_WINDOW: '7200' });

async function read(url: string | URL, headers: Record<string, string> = {}): Promise<string | undefined> {
  const answer = await fetch(url, { headers });
  const text = await answer.text();
  return answer.status === 200 ? text : undefined;
}

/** Reads the first media playlist of a multivariant one: dates of its segments (Unix ms), addresses of segments and parts. */
async function mediaOf(multivariant: string, headers: Record<string, string> = {}) {
  const text = await read(multivariant, headers);
  const uri = text?.split('\n').find((line) => /^[^#]/.test(line));
  if (uri === undefined) return undefined;
  const playlistUrl = new URL(uri, multivariant);
  const playlist = await read(playlistUrl);
  if (playlist === undefined) return undefined;
  const all = (pattern: RegExp): string[] => [...playlist.matchAll(pattern)].map(([, found = '']) => found);
  return {
    dates: all(/^#EXT-X-PROGRAM-DATE-TIME:(.*)$/gm).map((date) => Date.parse(date)),
    urls: [...all(/^(s\d+\.m4s.*)$/gm), ...all(/#EXT-X-PART:.*URI="([^"]+)"/g)],
    playlistUrl,
  };
}

t.test('viewers get nothing of a private test when it has become a public broadcast', async (t) => {
  const livestream = await gateway.createLivestream();
  const { streamId, hls, rtmp } = livestream;
  const thumbnail = `${gateway.http}/api/livestream/${streamId}/thumbnail`;
  const rewind = hls.replace('/hls/', '/rewind/');
  await gateway.api('PATCH', `/${streamId}`, { testing: true, recordingEnabled: true });
  publish(t, await testMedia(120), rtmp);
  await gateway.untilLive(livestream);
  const tested = await until('the broadcaster has a window of some segments, and parts', async () => {
    const media = await mediaOf(hls, OPERATOR);
    return media && media.dates.length > 2 && media;
  });
  await until('there is a thumbnail', () => read(thumbnail, OPERATOR));
  t.equal(await read(hls), undefined, 'nobody else can watch');
  const urls = tested.urls.map((uri) => new URL(uri, tested.playlistUrl));
  t.ok(urls.length > 5, `${urls.length} addresses`);
  for (const url of urls) t.not(await read(url), undefined, 'the broadcaster gets them');

  const testedUntilMs = Date.now();
  await gateway.api('PATCH', `/${streamId}`, { testing: false });
  t.equal(await read(thumbnail), undefined, 'the picture of the test is gone');
  for (const url of urls) {
    t.equal(await read(url), undefined, 'with the token of the broadcaster');
    url.search = '';
    t.equal(await read(url), undefined, 'without a token');
  }
  const first = await mediaOf(hls);
  t.ok(first && first.dates.length > 0, 'playlists are waited for, not refused');
  const later = await until('the window has grown', async () => {
    const media = await mediaOf(hls);
    return media && media.dates.length > 2 && media;
  });
  const rewound = await until('viewers can rewind', async () => {
    const media = await mediaOf(rewind);
    return media && media.dates.length > 0 && media;
  });
  await gateway.api('POST', `/${streamId}/end`);
  type Listed = { recordings: { state: string; visibility: string; playback: { hls: string } | null }[] };
  const recorded = await until('the recording is ready', async () => {
    const { recordings } = await gateway.api<Listed>('GET', `/${streamId}/recordings`);
    return recordings.length > 0 && recordings.every(({ state }) => state === 'ready') && recordings;
  });
  t.match(recorded, [{ visibility: 'public' }]);
  const replayed = await mediaOf(`${gateway.http}${new URL(recorded[0]?.playback?.hls ?? '').pathname}`);
  for (const [name, media] of Object.entries({ first, later, rewound, replayed })) {
    t.ok(media && media.dates.length > 0, name);
    for (const date of media?.dates ?? []) t.ok(date >= testedUntilMs, `${name}: ${date - testedUntilMs} ms`);
  }
});
