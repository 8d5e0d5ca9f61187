import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import { playback, untilPlaying, untilPlaysOn, watchByWebrtc } from '../../support/clients/watch-page.js';
import { publishFromPage } from '../../support/clients/whip-page.js';
import { type Livestream, startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { LossyRelay } from '../../support/media/rtp/lossy-relay.js';
import { until } from '../../support/until.js';

const browser = await openChromium(t, { webrtc: true });
const gateway = await startGatewayProcess(t);

async function protocol({ streamId }: Livestream): Promise<string | undefined> {
  type Answer = { stream: { source: { protocol: string } | null } };
  return (await gateway.api<Answer>('GET', `/${streamId}`)).stream.source?.protocol;
}

t.test('RTMP with B-frames and AAC plays over WebRTC, with no settings', async (t) => {
  const livestream = await gateway.createLivestream();
  publish(t, await testMedia(60), livestream.rtmp);
  await gateway.untilLive(livestream);
  const page = await watchByWebrtc(t, browser, livestream);
  const before = await playback(page);
  await page.waitForTimeout(5_000);
  const after = await playback(page);
  const frames = (after.webrtc?.framesDecoded ?? 0) - (before.webrtc?.framesDecoded ?? 0);
  t.ok(frames > 100, `${frames} frames in five seconds`);
});

t.test('a broadcast taken over from RTMP by WHIP and back keeps its WebRTC viewer connected', async (t) => {
  const livestream = await gateway.createLivestream();
  const source = await testMedia(120);
  const first = publish(t, source, livestream.rtmp);
  await gateway.untilLive(livestream);
  const page = await watchByWebrtc(t, browser, livestream);

  const camera = await openPage(t, browser);
  await publishFromPage(camera, gateway, livestream.streamKey);
  await first.ended;
  await untilPlaysOn(page);
  t.equal(await protocol(livestream), 'whip');

  publish(t, source, livestream.rtmp, { startS: 30 });
  await until('the RTMP publisher is live again', async () => (await protocol(livestream)) === 'rtmp');
  await untilPlaysOn(page);
  const { delivery, fallbacks } = await playback(page);
  t.match({ delivery, fallbacks }, { delivery: 'webrtc', fallbacks: 0 }, 'without fallback to HLS');
  t.ok(await page.evaluate<boolean>("window.mark === 'never reloaded'"));
});

t.test('a publishing tab that crashes and returns within the grace period keeps its viewers', async (t) => {
  const livestream = await gateway.createLivestream();
  const camera = await (await openChromium(t, { webrtc: true })).newPage();
  await publishFromPage(camera, gateway, livestream.streamKey);
  await gateway.untilLive(livestream);
  const page = await watchByWebrtc(t, browser, livestream);
  await camera.context().browser()?.close();
  await publishFromPage(await openPage(t, browser), gateway, livestream.streamKey);
  await untilPlaysOn(page);
  t.equal((await playback(page)).delivery, 'webrtc');
  t.ok(await page.evaluate<boolean>("window.mark === 'never reloaded'"));
});

t.test('a viewer whose UDP is blocked falls back to HLS', async (t) => {
  const livestream = await gateway.createLivestream();
  publish(t, await testMedia(60), livestream.rtmp);
  await gateway.untilLive(livestream);
  const page = await openPage(t, browser);
  const blockedNetwork = await LossyRelay.open(t, gateway.webrtcPort, 1);
  await blockedNetwork.routePage(page);
  await page.goto(livestream.watch);
  await untilPlaying(page);
  t.match(await playback(page), { delivery: 'hls', fallbacks: 1 });
});
