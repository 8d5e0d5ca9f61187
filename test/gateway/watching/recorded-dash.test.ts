import t, { type Test } from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import {
  DASH_PLAYERS,
  playerPlayback,
  servePlayerPages,
  startPlayer,
} from '../../support/clients/player-pages.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { ObjectStoreServer } from '../../support/recordings/object-store-server.js';
import { RecordingGateway } from '../../support/recordings/recording-gateway.js';
import { until } from '../../support/until.js';

const store = await ObjectStoreServer.start(t);
// A bucket for players has such a rule.
store.answer = (_request, headers) => {
  headers['access-control-allow-origin'] = '*';
};
store.fault = () => 'away';
const [browser, origin, recorder] = await Promise.all([
  openChromium(t),
  servePlayerPages(t),
  RecordingGateway.start(t, { ...store.environment, S3_PLAYBACK: 'redirect', SLATE: 'off' }),
]);
const { gateway } = recorder;
const livestream = await recorder.createRecorded();
const source = await testMedia(60);
for (const seconds of [5, 10]) {
  const encoder = publish(t, source, livestream.rtmp);
  await recorder.untilSeconds(livestream, seconds);
  await encoder.stop();
  await until('it waits', async () => (await gateway.state(livestream.streamId)) === 'reconnecting');
}
await recorder.end(livestream);
const recording = await recorder.untilReady(livestream);
const url = `${gateway.http}/recordings/${recording.id}/index.mpd`;

/** Plays the description to its end, twice as fast. */
async function playThrough(t: Test, { name, script, start }: (typeof DASH_PLAYERS)[number]): Promise<void> {
  const page = await openPage(t, browser);
  await page.goto(`${origin}/page/${script}`);
  await startPlayer(page, url, start);
  await until(`${name} plays`, async () => (await playerPlayback(page)).position > 0);
  await page.evaluate('document.querySelector("video").playbackRate = 2');
  await until(`${name} plays to the end`, async () => (await playerPlayback(page)).ended, 20_000).catch(
    async (error) => {
      t.comment(JSON.stringify(await playerPlayback(page)));
      throw error;
    },
  );
  const { position, failures } = await playerPlayback(page);
  t.strictSame(failures, [], name);
  t.ok(Math.abs(position - recording.durationS) < 0.5, `${name}: ${position} of ${recording.durationS} s`);
}

t.test('players play the description of a recording over the boundary of its periods', async (t) => {
  const response = await fetch(url);
  t.equal(response.headers.get('content-type'), 'application/dash+xml');
  t.equal(response.headers.get('cache-control'), 'public, max-age=3600, s-maxage=1, immutable');
  const mpd = await response.text();
  t.equal(mpd.match(/<Period /g)?.length, 2);
  t.match(mpd, 'SegmentTemplate');
  const [, lengthS] = /mediaPresentationDuration="PT([0-9.]+)S"/.exec(mpd) ?? [];
  t.ok(Math.abs(Number(lengthS) - recording.durationS) < 0.2, `${lengthS} of ${recording.durationS} s`);
  await Promise.all(DASH_PLAYERS.map((player) => playThrough(t, player)));
});

t.test('the description of a livestream leads to that of its recording when it is gone', async (t) => {
  store.fault = () => undefined;
  await gateway.kill('SIGTERM');
  await gateway.start();
  const address = `${gateway.http}/dash/${livestream.streamId}/index.mpd`;
  const redirect = await fetch(address, { redirect: 'manual' });
  t.equal(redirect.status, 302);
  t.equal(redirect.headers.get('cache-control'), 'no-store');
  t.equal(new URL(redirect.headers.get('location') ?? '', address).pathname, new URL(url).pathname);
  t.equal((await fetch(address)).headers.get('content-type'), 'application/dash+xml');
  await gateway.api('PATCH', `/${livestream.streamId}`, { visibility: 'private' });
  t.equal((await fetch(address, { redirect: 'manual' })).status, 404, 'a private one is unknown');
  t.equal((await fetch(url)).status, 404);
  await gateway.api('PATCH', `/${livestream.streamId}`, { visibility: 'public' });
});

t.test('players read a recording in an object store by byte ranges of whole files', async (t) => {
  const mpd = await until('it has left the folder', async () => {
    const text = await (await fetch(url)).text();
    return text.includes('mediaRange=') && text;
  });
  t.notMatch(mpd, 'SegmentTemplate');
  const before = store.requests.length;
  await Promise.all(DASH_PLAYERS.map((player) => playThrough(t, player)));
  const reads = store.requests
    .slice(before)
    .filter(({ method, url }) => method === 'GET' && url.pathname.endsWith('.mp4'));
  t.ok(reads.length > 10, `${reads.length} reads of the store`);
});
