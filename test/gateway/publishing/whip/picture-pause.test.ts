import { execFileSync } from 'node:child_process';
import path from 'node:path';
import t from 'tap';
import { openChromium } from '../../../support/clients/chromium.js';
import { openPage } from '../../../support/clients/pages.js';
import { isGrey, shownPicture } from '../../../support/clients/shown-picture.js';
import { openForHls, playback, untilPlaying, watchByWebrtc } from '../../../support/clients/watch-page.js';
import { publishFromPage, setSending } from '../../../support/clients/whip-page.js';
import { startGatewayProcess } from '../../../support/gateway/gateway-process.js';
import { until } from '../../../support/until.js';

const SLATE = path.join(t.testdir(), 'slate.png');
const grey = ['-f', 'lavfi', '-i', 'color=c=0x505050:size=640x360', '-frames:v', '1'];
execFileSync('ffmpeg', ['-v', 'error', ...grey, SLATE]);
const isSlate = (points: number[][]): boolean => isGrey(points, 65, 95);

const [browser, gateway] = await Promise.all([
  openChromium(t, { webrtc: true }),
  startGatewayProcess(t, { LADDER: 'off', SLATE }),
]);
t.jobs = 2;

for (const codec of ['video/H264', 'video/VP8', 'video/AV1'] as const)
  t.test(
    `a WHIP publisher's picture in ${codec} that pauses is replaced by a slate, by HLS and WebRTC`,
    async (t) => {
      const livestream = await gateway.createLivestream();
      const camera = await openPage(t, browser);
      await publishFromPage(camera, gateway, livestream.streamKey, { codec });
      await gateway.untilLive(livestream);
      const byHls = await openPage(t, browser);
      await openForHls(byHls, livestream.watch);
      const [byWebrtc] = await Promise.all([watchByWebrtc(t, browser, livestream), untilPlaying(byHls)]);
      const runs = (): number =>
        gateway.log.filter(
          ({ msg, streamId }) => msg === 'encoder started' && streamId === livestream.streamId,
        ).length;
      const before = runs();

      await setSending(camera, 'video', false);
      await until('a WebRTC viewer sees the slate', async () => isSlate(await shownPicture(byWebrtc)), 6_000);
      await until('an HLS viewer sees the slate', async () => isSlate(await shownPicture(byHls)), 8_000);
      const late = await watchByWebrtc(t, browser, livestream);
      t.ok(isSlate(await shownPicture(late)), 'and one who joins');

      await setSending(camera, 'video', true);
      for (const page of [byWebrtc, late, byHls])
        await until('the page shows the picture again', async () => !isSlate(await shownPicture(page)));
      t.match(await playback(byWebrtc), { delivery: 'webrtc', fallbacks: 0, rebuilds: 0 });
      t.match(await playback(byHls), { rebuilds: 0 });
      t.equal(runs(), before, 'the encoder for HLS goes on');
    },
  );
