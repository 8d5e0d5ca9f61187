import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Page } from 'playwright-core';
import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import { playback, untilPlaying } from '../../support/clients/watch-page.js';
import { publishFromPage } from '../../support/clients/whip-page.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { LossyRelay } from '../../support/media/rtp/lossy-relay.js';

/** Counters of outbound or inbound video (webrtc-stats). */
type Counters = Record<string, number | undefined>;

/** Init script of the page: records its peer connections. */
const KEEP_PEERS = `window.peers = []; window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...parameters) { super(...parameters); window.peers.push(this); }
}`;

async function countersOf(page: Page): Promise<Counters> {
  return await page.evaluate<Counters>(`(async () => {
    const reports = [...(await window.peers.at(-1).getStats()).values()];
    return reports.find(({ type, kind }) => /^(in|out)bound-rtp$/.test(type) && kind === 'video');
  })()`);
}

/** Counts the encoders that the gateway has started. */
function startedEncoders(): number {
  return gateway.log.filter(({ msg }) => msg === 'encoder started').length;
}

/**
 * Timer delay of this process, ns, beyond which the machine is overloaded: the lossy network runs in this process.
 */
const OVERLOADED_NS = 60e6;

const [browser, gateway] = await Promise.all([openChromium(t, { webrtc: true }), startGatewayProcess(t)]);

t.test('RTMP in High profile without B-frames is sent as it is, and declared to the viewer', async (t) => {
  const livestream = await gateway.createLivestream();
  // The ultrafast preset makes Baseline.
  publish(t, await testMedia(60, { preset: 'superfast', bFrames: 0 }), livestream.rtmp);
  await gateway.untilLive(livestream);
  const page = await openPage(t, browser);
  await page.addInitScript(KEEP_PEERS);
  await page.goto(livestream.watch);
  await untilPlaying(page);
  const started = gateway.log.find(({ msg }) => msg === 'WebRTC rendition started');
  t.match(started, { passthrough: true });
  const { frames, parameters } = await page.evaluate<{ frames: number; parameters: string }>(`(async () => {
    const reports = [...(await window.peers.at(-1).getStats()).values()];
    const video = reports.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video');
    const codec = reports.find(({ id }) => id === video.codecId);
    return { frames: video.framesDecoded, parameters: codec.sdpFmtpLine };
  })()`);
  t.ok(frames > 0);
  // Chromium of Debian decodes High as part of High 4:4:4 Predictive (244), others offer High (100) itself.
  t.match(parameters, /profile-level-id=(64|f4)/);
});

t.test('packet loss of 3 % in both directions is repaired by retransmission', async (t) => {
  const livestream = await gateway.createLivestream();
  const camera = await openPage(t, browser);
  const page = await openPage(t, browser);
  for (const one of [camera, page]) await one.addInitScript(KEEP_PEERS);
  const up = await LossyRelay.open(t, gateway.webrtcPort, 0.03);
  await up.routePage(camera);
  await publishFromPage(camera, gateway, livestream.streamKey);
  await gateway.untilLive(livestream);
  const down = await LossyRelay.open(t, gateway.webrtcPort, 0.03);
  await down.routePage(page);
  await page.goto(livestream.watch);
  await untilPlaying(page);
  // Lets the viewer catch up with the group of pictures that it joined with.
  await page.waitForTimeout(2_000);

  const delay = monitorEventLoopDelay({ resolution: 10 });
  const before = { viewer: await countersOf(page), publisher: await countersOf(camera) };
  const lost = { up: up.lost, down: down.lost };
  const encoders = startedEncoders();
  delay.enable();
  await page.waitForTimeout(10_000);
  delay.disable();
  const after = { viewer: await countersOf(page), publisher: await countersOf(camera) };
  const counted = (side: 'viewer' | 'publisher', name: string): number =>
    (after[side][name] ?? 0) - (before[side][name] ?? 0);

  t.equal((await playback(page)).delivery, 'webrtc', 'without fallback to HLS');
  t.ok(up.lost - lost.up > 20 && down.lost - lost.down > 20, 'packets were lost in both directions');
  t.equal(counted('viewer', 'pliCount'), 0, 'the viewer never requested a keyframe');
  const [sent, shown] = [counted('publisher', 'framesSent'), counted('viewer', 'framesReceived')];
  t.ok(sent > 100 && Math.abs(sent - shown) < 15, `${shown} of ${sent} frames arrived`);
  const missing = counted('viewer', 'packetsLost');
  const again = counted('viewer', 'retransmittedPacketsReceived');
  t.ok(again > 0 && again >= missing, `${missing} packets were lost, ${again} retransmitted`);
  const freezes = counted('viewer', 'freezeCount');
  const asked = counted('publisher', 'pliCount');
  // A new HLS encoder requests a keyframe of its own.
  const encoderStarted = startedEncoders() > encoders;
  // Browsers also freeze, and answer late, for lack of CPU.
  if (delay.max < OVERLOADED_NS) {
    t.equal(freezes, 0, 'the video never froze');
    if (!encoderStarted) t.equal(asked, 0, 'the gateway never requested a keyframe');
  } else
    t.comment(`${freezes} freezes, ${asked} requests: the machine is ${Math.round(delay.max / 1e6)} ms late`);
});
