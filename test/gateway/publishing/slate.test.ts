import { execFileSync } from 'node:child_process';
import path from 'node:path';
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import { isGrey, shownPicture } from '../../support/clients/shown-picture.js';
import { openForHls, playback, untilPlaying, untilPlaysOn } from '../../support/clients/watch-page.js';
import { type Livestream, startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { PlaylistWatch } from '../../support/media/playlist-watch.js';
import { until } from '../../support/until.js';

const browser = await openChromium(t);
const LADDER = '180:200k';
/** Test media begin their groups of pictures white: a slate of them is grey. */
const isSlate = (points: number[][]): boolean => isGrey(points, 60, 120);
const isLive = (points: number[][]): boolean => points.length > 0 && !isGrey(points, 60, 120);

async function watch(t: Test, livestream: Livestream): Promise<Page> {
  const page = await openPage(t, browser);
  await openForHls(page, livestream.watch);
  await untilPlaying(page);
  await page.evaluate("window.mark = 'never reloaded'");
  return page;
}

t.test('viewers see a slate while the publisher is away, and its picture when it returns', async (t) => {
  const gateway = await startGatewayProcess(t, { LADDER });
  const livestream = await gateway.createLivestream();
  const source = await testMedia(120);
  const first = publish(t, source, livestream.rtmp);
  await gateway.untilLive(livestream);
  const page = await watch(t, livestream);
  const playlists = new PlaylistWatch(t, livestream);
  await until('the live picture is shown', async () => isLive(await shownPicture(page)));
  const { stalls } = await playback(page);

  await first.stop('SIGKILL');
  await until('the page shows the slate', async () => isSlate(await shownPicture(page)), 4_000);
  await untilPlaysOn(page);
  t.ok(isSlate(await shownPicture(page)), 'it stays');
  t.equal((await playback(page)).stalls, stalls, 'playback did not stall');
  t.equal(await gateway.state(livestream.streamId), 'reconnecting');
  t.equal((await playback(page)).stalls, stalls, 'playback did not stall');

  publish(t, source, livestream.rtmp);
  await gateway.untilLive(livestream);
  await until('the page shows the live picture', async () => isLive(await shownPicture(page)));
  await untilPlaysOn(page);
  t.equal((await playback(page)).stalls, stalls, 'playback did not stall');
  t.equal(await page.evaluate('window.mark'), 'never reloaded');
  await playlists.stop();
  t.equal(playlists.targets.size, 3);
  for (const [rendition, targets] of playlists.targets)
    t.equal(targets.size, 1, `${rendition}: ${[...targets]}`);
  t.notMatch(gateway.output, 'the slate was refused');
});

t.test(
  'a slate of a configured picture ends with the broadcast, and with SLATE=off there is none',
  async (t) => {
    const picture = path.join(t.testdir(), 'slate.png');
    execFileSync('ffmpeg', [
      '-v',
      'error',
      '-f',
      'lavfi',
      '-i',
      'color=c=0x505050:size=640x360',
      '-frames:v',
      '1',
      picture,
    ]);
    const play = async (SLATE: string): Promise<void> => {
      const gateway = await startGatewayProcess(t, { LADDER, SLATE, RECONNECT_GRACE: '6' });
      const livestream = await gateway.createLivestream();
      const first = publish(t, await testMedia(120), livestream.rtmp);
      await gateway.untilLive(livestream);
      const page = SLATE === picture && (await watch(t, livestream));
      await first.stop('SIGKILL');
      if (page)
        await until(
          'the page shows the picture',
          async () => isGrey(await shownPicture(page), 70, 90),
          4_000,
        );
      await until(
        'the grace period ends',
        async () => (await gateway.state(livestream.streamId)) === 'offline',
      );
      const multivariant = await (await fetch(livestream.hls)).text();
      const uri = /^[^#\n]+\.m3u8.*/m.exec(multivariant)?.[0] ?? '';
      const playlist = await (await fetch(new URL(uri, livestream.hls))).text();
      t.match(playlist, /#EXT-X-ENDLIST\n$/);
      t.equal(playlist.includes('#EXT-X-DISCONTINUITY\n'), SLATE === picture);
      t.equal(
        gateway.log.filter(({ msg }) => msg.startsWith('slate shown')).length,
        SLATE === picture ? 1 : 0,
      );
    };
    await Promise.all([play(picture), play('off')]);
  },
);

t.test('a configured file that cannot be decoded is an error at the start that names it', async (t) => {
  const folder = t.testdir({ 'text.png': 'no picture' });
  const png = path.join(folder, 'broken.png');
  execFileSync('sh', ['-c', `printf '\\211PNG\\r\\n\\032\\nbroken' > ${png}`]);
  for (const [SLATE, message] of [
    [path.join(folder, 'text.png'), /SLATE: .*text\.png cannot be shown: it is neither PNG/],
    [png, /SLATE: .*broken\.png cannot be shown/],
    [path.join(folder, 'missing.mp4'), /SLATE: .*missing\.mp4 cannot be shown: ENOENT/],
  ] as const)
    await t.rejects(startGatewayProcess(t, { SLATE }), { message });
});
