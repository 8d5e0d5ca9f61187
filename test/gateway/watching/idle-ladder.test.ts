import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import { openForHls, playback, untilPlaying } from '../../support/clients/watch-page.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, run, testMedia } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

const IDLE_S = 2;
/** The source has 360 lines. */
const COPIED = '360p';
const ENCODED = '240p';

const gateway = await startGatewayProcess(t, { LADDER_IDLE: String(IDLE_S) });
const livestream = await gateway.createLivestream('Idle');
publish(t, await testMedia(120), livestream.rtmp);
await gateway.untilLive(livestream);

const startedPids = () => gateway.log.filter(({ msg }) => msg === 'encoder started').map(({ pid }) => pid);

/** Lists encoders of the ladder that run; the page begins with WebRTC, for which another ffmpeg encodes. */
async function ladderPids(): Promise<number[]> {
  const started = startedPids();
  return (await gateway.encoderPids()).filter((pid) => started.includes(pid));
}

const untilNoEncoder = () => until('no encoder runs', async () => (await ladderPids()).length === 0);

/** Reads the URL of a rendition's playlist, as a viewer. */
async function playlistUrl(id: string): Promise<string> {
  const multivariant = await (await fetch(livestream.hls)).text();
  const uri = multivariant.split('\n').find((line) => line.includes(`/${id}/`) && !line.startsWith('#'));
  if (!uri) throw new Error(`${id} is not listed: ${multivariant}`);
  return new URL(uri, livestream.hls).href;
}

t.test(
  'a broadcast is encoded while it has HLS viewers, who switch renditions without a stall',
  async (t) => {
    const browser = await openChromium(t);
    t.strictSame(await gateway.encoderPids(), [], 'nothing is encoded before the first viewer');
    t.strictSame(startedPids(), []);

    for (const visit of [1, 2]) {
      const page = await openPage(t, browser);
      const opened = performance.now();
      await openForHls(page, livestream.watch);
      await untilPlaying(page);
      t.comment(`visit ${visit}: played a second after ${Math.round(performance.now() - opened)} ms`);
      t.equal(startedPids().length, visit);
      const start = await playback(page);
      t.strictSame(start.levels.toSorted(), [ENCODED, COPIED]);
      for (const level of [ENCODED, COPIED, ENCODED]) {
        await page.getByLabel('Quality').selectOption(level);
        await until(`${level} is played`, async () => (await playback(page)).level === level);
        const { position } = await playback(page);
        await until('it plays for 3 s', async () => (await playback(page)).position > position + 3);
      }
      const end = await playback(page);
      t.equal(end.stalls, start.stalls, 'no stall');
      t.equal(end.rebuilds, 0);
      // On a busy machine hls.js reports its first seek, from 0 into the buffer, as a hole.
      t.strictSame(end.errors.slice(start.errors.length), [], 'no error while it plays');
      t.equal(end.bufferedRanges, 1);
      t.equal((await ladderPids()).length, 1);
      await page.close();
      const left = performance.now();
      await untilNoEncoder();
      const tookS = (performance.now() - left) / 1000;
      t.ok(
        tookS > IDLE_S - 1 && tookS < IDLE_S + 3,
        `the encoder ended ${tookS} s after the viewer had left`,
      );
    }
    t.equal(await gateway.state(livestream.streamId), 'live');
  },
);

t.test('a playlist of a suspended rendition is answered with a whole segment', async (t) => {
  const url = await playlistUrl(ENCODED);
  const copiedUrl = await playlistUrl(COPIED);
  for (const visit of [1, 2, 3]) {
    await untilNoEncoder();
    const asked = performance.now();
    const response = await fetch(url);
    const tookMs = Math.round(performance.now() - asked);
    t.equal(response.status, 200);
    const playlist = await response.text();
    t.comment(`visit ${visit}: answered after ${tookMs} ms`);
    t.ok(tookMs < 3_000, `${tookMs} ms`);
    t.notMatch(playlist, '#EXT-X-GAP');
    const copied = await (await fetch(copiedUrl)).text();
    const oldest = Number(/MEDIA-SEQUENCE:(\d+)/.exec(copied)?.[1]);
    const segments = [...playlist.matchAll(/DATE-TIME:(.*)\n(?:#.*\n)*(s\d+\.m4s)/g)];
    t.ok(segments.length > 0, 'has a complete segment');
    for (const [, date, name] of segments) {
      // It has left the window between the requests.
      if (Number(/\d+/.exec(name ?? '')) < oldest) continue;
      const same = new RegExp(`DATE-TIME:(.*)\\n(?:#.*\\n)*${name}`).exec(copied);
      t.ok(same, `${name} is a segment of the copied rendition`);
      t.ok(Math.abs(Date.parse(date ?? '') - Date.parse(same?.[1] ?? '')) < 70, `${name} begins with it`);
      t.equal((await fetch(new URL(name ?? '', url))).status, 200);
    }
  }
});

t.test('a DASH description of a broadcast with suspended renditions waits for their media', async (t) => {
  await untilNoEncoder();
  const answer = await fetch(`${gateway.http}/dash/${livestream.streamId}/index.mpd`);
  t.equal(answer.status, 200);
  const description = await answer.text();
  for (const id of [ENCODED, COPIED, 'audio']) t.match(description, `<Representation id="${id}"`);
});

t.test('ffmpeg reads the playlist of a suspended rendition', async (t) => {
  const url = await playlistUrl(ENCODED);
  await untilNoEncoder();
  const { stdout, stderr } = await run('ffmpeg', [
    ...['-v', 'warning', '-i', url, '-t', '6', '-c', 'copy', '-f', 'framecrc', '-'],
  ]);
  // ffmpeg reads the initialization section anew after a reload of a live playlist.
  const warnings = stderr
    .split('\n')
    .filter((line) => !/duplicated MOOV|Last message repeated|^$/.test(line));
  t.strictSame(warnings, []);
  t.match(stdout, '426x240');
  const unitS = Number(/#tb 0: 1\/(\d+)/.exec(stdout)?.[1]);
  const timesS = [...stdout.matchAll(/^0, +(-?\d+),/gm)].map(([, dts]) => Number(dts) / unitS);
  const gapsS = timesS.slice(1).map((timeS, index) => timeS - timesS[index]!);
  const mostS = Math.max(...gapsS);
  t.ok(mostS < 0.04 && Math.min(...gapsS) > 0.03, `frames follow each other: ${mostS} s at most`);
  t.ok(timesS.length >= 179, `${timesS.length} frames of 6 s`);
});
