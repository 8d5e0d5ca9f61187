import type { Page } from 'playwright-core';
import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import {
  DASH_PLAYERS,
  playerPlayback,
  servePlayerPages,
  startPlayer,
} from '../../support/clients/player-pages.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

const [browser, gateway, origin, media] = await Promise.all([
  openChromium(t),
  startGatewayProcess(t),
  servePlayerPages(t),
  testMedia(120),
]);
const livestream = await gateway.createLivestream();
const url = `${gateway.http}/dash/${livestream.streamId}/index.mpd`;
const encoder = publish(t, media, livestream.rtmp);
await gateway.untilLive(livestream);

/** Above what players without low latency keep, which is no part of a segment but whole segments. */
const MAXIMUM_LATENCY_S = 8;

/** Keeps pages and publishers over several tests. */
const whole = t;
const pages = new Map<string, Page>();
const position = async (page: Page): Promise<number> => (await playerPlayback(page)).position;

for (const { name, script, start } of DASH_PLAYERS)
  t.test(`${name} plays the description of a livestream on a page of another origin`, async (t) => {
    const page = await openPage(whole, browser);
    pages.set(name, page);
    await page.goto(`${origin}/page/${script}`);
    await startPlayer(page, url, start);
    await until('it plays', async () => (await position(page)) > 0, 10_000).catch(async (error) => {
      t.comment(JSON.stringify(await playerPlayback(page)));
      throw error;
    });
    await page.waitForTimeout(2_000);
    const before = await position(page);
    await until('it plays on', async () => (await position(page)) > before + 6, 10_000);
    t.strictSame((await playerPlayback(page)).failures, []);
    const [, since = ''] = /availabilityStartTime="([^"]+)"/.exec(await (await fetch(url)).text()) ?? [];
    const latencyS = (Date.now() - Date.parse(since)) / 1000 - (await position(page));
    t.comment(`latency: ${latencyS.toFixed(1)} s`);
    t.ok(latencyS < MAXIMUM_LATENCY_S, `${latencyS} s behind the publisher`);
  });

t.test(
  'players go on over a slate and the return of the publisher, each in a period of its own',
  async (t) => {
    const untilPeriods = (count: number): Promise<string> =>
      until(`there are ${count} periods`, async () => {
        const text = await (await fetch(url)).text();
        return text.match(/<Period /g)?.length === count && text;
      });
    const untilPlayed = async (): Promise<void> => {
      for (const [name, page] of pages) {
        const before = await position(page);
        await until(`${name} plays on`, async () => (await position(page)) > before + 4, 20_000);
        t.strictSame((await playerPlayback(page)).failures, [], name);
      }
    };
    await encoder.stop('SIGKILL');
    await untilPeriods(2);
    await untilPlayed();
    publish(whole, media, livestream.rtmp);
    t.match(await untilPeriods(3), 'type="dynamic"');
    await untilPlayed();
  },
);

t.test('the open segment is sent while it is written', async (t) => {
  const [newest] = (await (await fetch(url)).text()).split('<Period ').slice(-1);
  const [, folder] = /media="\.\.\/\.\.([^"]*\/)s\$Number\$\.m4s"/.exec(newest ?? '') ?? [];
  t.ok(folder, 'public media have no token');
  const [timeline = ''] = (newest ?? '').split('</SegmentTimeline>');
  const first = Number(/startNumber="(\d+)"/.exec(timeline)?.[1]);
  const next = `${gateway.http}${folder}s${first + (timeline.match(/<S /g) ?? []).length}.m4s`;
  const answer = await until('the next segment is open', async () => {
    const got = await fetch(next);
    if (got.status === 200) return got;
    await got.arrayBuffer();
    return undefined;
  });
  t.equal(answer.headers.get('transfer-encoding'), 'chunked');
  let chunks = 0;
  const bytes: Buffer[] = [];
  for await (const chunk of answer.body ?? []) {
    chunks++;
    bytes.push(Buffer.from(chunk as Uint8Array));
  }
  t.ok(chunks > 2, `${chunks} chunks`);
  const whole = await fetch(next);
  t.ok(Buffer.from(await whole.arrayBuffer()).equals(Buffer.concat(bytes)), 'the bytes of the whole segment');
});

t.test('players play to the end when the livestream ends, and a static description afterwards', async (t) => {
  await gateway.api('POST', `/${livestream.streamId}/end`);
  const description = await (await fetch(url)).text();
  t.match(description, 'type="static"');
  t.match(description, /mediaPresentationDuration="PT[0-9.]+S"/);
  const page = await openPage(t, browser);
  await page.goto(`${origin}/page/dash.js`);
  await startPlayer(page, url, DASH_PLAYERS[0]!.start);
  await until('it plays', async () => (await position(page)) > 0);
  t.strictSame((await playerPlayback(page)).failures, []);
});
