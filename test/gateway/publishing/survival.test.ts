import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import { openForHls, playback, untilPlaying, untilPlaysOn } from '../../support/clients/watch-page.js';
import { type Livestream, startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

const browser = await openChromium(t);
/** Settings of every gateway in this file. */
const gateway = await startGatewayProcess(t);

/** Opens the watch page of a live stream and marks the document, so that a reload would show. */
async function watch(t: Test, livestream: Livestream): Promise<Page> {
  const page = await openPage(t, browser);
  await openForHls(page, livestream.watch);
  await untilPlaying(page);
  await page.evaluate("window.mark = 'never reloaded'");
  return page;
}

async function neverReloaded(page: Page): Promise<boolean> {
  return await page.evaluate<boolean>("window.mark === 'never reloaded'");
}

/** The media playlists of the stream's video renditions, the source's first. */
async function mediaPlaylists(livestream: Livestream): Promise<string[]> {
  const multivariant = await (await fetch(livestream.hls)).text();
  const uris = multivariant.split('\n').filter((line) => /^[^#].*\.m3u8/.test(line));
  return await Promise.all(uris.map(async (uri) => (await fetch(new URL(uri, livestream.hls))).text()));
}

/** The media playlist of the stream's first video rendition. */
async function mediaPlaylist(livestream: Livestream): Promise<string> {
  return (await mediaPlaylists(livestream))[0] ?? '';
}

function dates(playlist: string): number[] {
  return [...playlist.matchAll(/EXT-X-PROGRAM-DATE-TIME:(\S+)/g)].map((match) => Date.parse(match[1] ?? ''));
}

/** Gap at the playlist's only discontinuity; undefined until a complete segment follows it. */
function gapIn(playlist: string): { ms: number } | undefined {
  const [before = '', after = ''] = playlist.split('#EXT-X-DISCONTINUITY\n');
  if (!after.includes('#EXTINF')) return undefined;
  const last = before.slice(before.lastIndexOf('#EXT-X-PROGRAM-DATE-TIME'));
  const end = (dates(last)[0] ?? Number.NaN) + Number(/#EXTINF:([\d.]+)/.exec(last)?.[1]) * 1000;
  const ms = (dates(after)[0] ?? Number.NaN) - end;
  if (!(ms > -5)) throw new Error(`time runs backwards by ${ms} ms:\n${playlist}`);
  return { ms };
}

t.test('a publisher that is killed and returns within the grace period keeps the page playing', async (t) => {
  const livestream = await gateway.createLivestream();
  const source = await testMedia(120);
  const first = publish(t, source, livestream.rtmp);
  await gateway.untilLive(livestream);
  const page = await watch(t, livestream);

  await first.stop('SIGKILL');
  await until('the page shows the interruption', async () => (await playback(page)).state === 'reconnecting');
  t.equal(await gateway.state(livestream.streamId), 'reconnecting');
  publish(t, source, livestream.rtmp, { startS: 30 });
  await gateway.untilLive(livestream);
  await untilPlaysOn(page);

  const playlist = await mediaPlaylist(livestream);
  t.match(playlist, '#EXT-X-DISCONTINUITY\n', 'the playlist continues after a discontinuity');
  t.strictSame(
    dates(playlist),
    dates(playlist).toSorted((a, b) => a - b),
    'program dates increase',
  );
  t.ok(await neverReloaded(page));
});

t.test('a second encoder with the same stream key takes over within a second', async (t) => {
  const livestream = await gateway.createLivestream();
  const source = await testMedia(120);
  const first = publish(t, source, livestream.rtmp);
  await gateway.untilLive(livestream);
  const page = await watch(t, livestream);

  publish(t, source, livestream.rtmp);
  await first.ended;
  t.equal(await gateway.state(livestream.streamId), 'live', 'viewers never see the stream offline');
  const gap = await until('a segment of the new encoder', async () => gapIn(await mediaPlaylist(livestream)));
  t.ok(gap.ms < 1000, `a gap of ${gap.ms} ms`);
  await untilPlaysOn(page);
  t.ok(await neverReloaded(page));
});

t.test('an encoder that is killed leaves no gap in the source rendition', async (t) => {
  const livestream = await gateway.createLivestream();
  publish(t, await testMedia(120), livestream.rtmp);
  await gateway.untilLive(livestream);
  const page = await watch(t, livestream);
  const encoders = () =>
    gateway.log.filter(({ msg, streamId }) => msg === 'encoder started' && streamId === livestream.streamId);
  const [first] = encoders();
  const killedAt = Date.now();
  process.kill(Number(first?.pid), 'SIGKILL');
  await until('another encoder', () => encoders().length === 2);
  const [source = '', ...lower] = await until('segments after it in all renditions', async () => {
    const playlists = await mediaPlaylists(livestream);
    // The last date may be that of a segment that is not complete.
    return playlists.every((playlist) => (dates(playlist).at(-2) ?? 0) > killedAt) && playlists;
  });
  t.ok(lower.length > 0);
  for (const playlist of [source, ...lower]) t.notMatch(playlist, '#EXT-X-DISCONTINUITY\n');
  t.notMatch(source, '#EXT-X-GAP');
  const durations = [...source.matchAll(/#EXTINF:([\d.]+)/g)].map((match) => Number(match[1]) * 1000);
  for (const [index, at] of dates(source).slice(1).entries()) {
    const end = (dates(source)[index] ?? Number.NaN) + (durations[index] ?? Number.NaN);
    t.ok(
      Math.abs(at - end) < 5,
      `segment ${index + 1} begins ${at - end} ms after the end of the previous one`,
    );
  }
  await untilPlaysOn(page);
  t.ok(await neverReloaded(page));
});

t.test(
  'a gateway that is killed resumes its broadcast, and the page plays on without a reload',
  async (t) => {
    const livestream = await gateway.createLivestream();
    const source = await testMedia(120);
    const first = publish(t, source, livestream.rtmp);
    await gateway.untilLive(livestream);
    const page = await watch(t, livestream);
    const before = await mediaPlaylist(livestream);
    const encoders = await gateway.encoderPids();

    await gateway.kill('SIGKILL');
    await first.ended;
    for (const pid of encoders)
      await until('no ffmpeg outlives the gateway', () => {
        try {
          return !process.kill(pid, 0);
        } catch {
          return true;
        }
      });
    await gateway.start();
    t.equal(
      await gateway.state(livestream.streamId),
      'reconnecting',
      'no livestream without a publisher is live',
    );
    publish(t, source, livestream.rtmp, { startS: 30 });
    await gateway.untilLive(livestream);
    await untilPlaysOn(page);

    const after = await mediaPlaylist(livestream);
    const number = (playlist: string, tag: string): number =>
      Number(new RegExp(`#EXT-X-${tag}:(\\d+)`).exec(playlist)?.[1]);
    t.ok(
      number(after, 'MEDIA-SEQUENCE') > number(before, 'MEDIA-SEQUENCE'),
      'sequence numbers are not reused',
    );
    // RFC 8216bis section 4.4.4.3: the sequence of a segment counts the tags up to it.
    const discontinuities = (playlist: string): number =>
      number(playlist, 'DISCONTINUITY-SEQUENCE') + playlist.split('#EXT-X-DISCONTINUITY\n').length - 1;
    t.equal(discontinuities(before), 0);
    t.equal(discontinuities(after), 1, 'the restart is a discontinuity');
    t.ok(Math.min(...dates(after)) > Math.max(...dates(before)), 'program dates increase');
    t.ok(await neverReloaded(page));
  },
);
