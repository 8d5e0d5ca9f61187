import type { Page } from 'playwright-core';
import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import {
  chooseDelivery,
  playback,
  untilPlaying,
  untilPlaysOn,
  watchByWebrtc,
} from '../../support/clients/watch-page.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

/** Init script of the page: records its peer connections. */
const KEEP_PEERS = `window.peers = []; window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...parameters) { super(...parameters); window.peers.push(this); }
}`;

/** Counters of inbound video (webrtc-stats). */
type Counters = {
  packetsReceived: number;
  packetsLost: number;
  nackCount: number;
  pliCount: number;
  framesDecoded: number;
  keyFramesDecoded: number;
};

/** Offset of sound and picture that viewers do not notice (ITU-R BT.1359), ms. */
const TOGETHER_MS = 45;

const browser = await openChromium(t, { webrtc: true });
const gateway = await startGatewayProcess(t);

async function countersOf(page: Page): Promise<Counters | undefined> {
  return await page.evaluate<Counters | undefined>(`(async () => {
    const reports = [...((await window.peers.at(-1)?.getStats())?.values() ?? [])];
    return reports.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video');
  })()`);
}

/** Notes in the page when white pictures are shown and when beeps sound, ms. */
const FLASHES_AND_BEEPS = `(() => {
  const video = document.querySelector('video');
  const noted = (window.noted = { flashes: [], beeps: [] });
  const canvas = new OffscreenCanvas(8, 8).getContext('2d', { willReadFrequently: true });
  let white = true;
  const look = () => {
    canvas.drawImage(video, 0, 0, 8, 8);
    const { data } = canvas.getImageData(0, 0, 8, 8);
    const now = data.reduce((sum, value) => sum + value, 0) / data.length > 220;
    if (now && !white) noted.flashes.push(performance.now());
    white = now;
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 256 });
  context.createMediaStreamSource(video.srcObject).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let loud = true;
  setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const now = Math.max(...samples) > 0.1;
    if (now && !loud) noted.beeps.push(performance.now());
    loud = now;
  }, 5);
})()`;

/** Returns beep minus flash, ms, of those that belong together. */
async function offsetsOf(page: Page): Promise<number[]> {
  type Noted = { flashes: number[]; beeps: number[] };
  const { flashes, beeps } = await page.evaluate<Noted>('window.noted');
  return flashes.flatMap((flash) => {
    const beep = beeps.find((time) => Math.abs(time - flash) < 500);
    return beep === undefined ? [] : [beep - flash];
  });
}

t.test('the first viewer that joins late in a group of pictures gets all of it, at once', async (t) => {
  const livestream = await gateway.createLivestream();
  // Noise fills the bit rate: 4 s of it are 2,500 packets.
  const file = await testMedia(60, {
    ...{ size: '1280x720', rate: '30', bitrate: '6M', bFrames: 0 },
    x264Params: 'slices=1:keyint=120:min-keyint=120:vbv-maxrate=6000:vbv-bufsize=6000',
  });
  publish(t, file, livestream.rtmp);
  await gateway.untilLive(livestream);
  const page = await openPage(t, browser);
  await page.addInitScript(KEEP_PEERS);
  type Answer = { stream: { startedAt: string } };
  const { startedAt } = (await gateway.api<Answer>('GET', `/${livestream.streamId}`)).stream;
  await until('the group of pictures is 3 s old', () => {
    const age = (Date.now() - Date.parse(startedAt)) % 4_000;
    return age > 2_800 && age < 3_200;
  });
  await page.goto(livestream.watch);
  await chooseDelivery(page, 'webrtc');
  let counters: Counters | undefined;
  await until('pictures are decoded', async () => {
    counters = await countersOf(page);
    return (counters?.framesDecoded ?? 0) > 60;
  });
  t.match(counters, { keyFramesDecoded: 1 }, 'the pictures since the keyframe before the join are shown');
  await untilPlaysOn(page);
  counters = await countersOf(page);
  t.match(counters, { packetsLost: 0, nackCount: 0, pliCount: 0 });
  t.equal((await playback(page)).delivery, 'webrtc');
});

for (const bFrames of [0, 2])
  t.test(`sound and picture of RTMP with ${bFrames} B-frames are together in a browser`, async (t) => {
    const livestream = await gateway.createLivestream();
    publish(t, await testMedia(60, { bFrames }), livestream.rtmp);
    await gateway.untilLive(livestream);
    const page = await watchByWebrtc(t, browser, livestream);
    await untilPlaying(page);
    await page.evaluate(FLASHES_AND_BEEPS);
    // The browser delays the earlier one by steps over some seconds.
    await until('four beeps sound with their flashes', async () => {
      const last = (await offsetsOf(page)).slice(-4);
      return last.length === 4 && last.every((offset) => Math.abs(offset) < TOGETHER_MS);
    });
    t.pass();
  });

t.test('a viewer of video that is passed through stays when the publisher returns', async (t) => {
  const livestream = await gateway.createLivestream();
  const file = await testMedia(60, { bFrames: 0 });
  const first = publish(t, file, livestream.rtmp);
  await gateway.untilLive(livestream);
  const page = await watchByWebrtc(t, browser, livestream);
  await untilPlaying(page);
  await first.stop('SIGKILL');
  publish(t, file, livestream.rtmp, { startS: 20 });
  const frames = async (): Promise<number> => (await playback(page)).webrtc?.framesDecoded ?? 0;
  const before = await frames();
  await until('further pictures are decoded', async () => (await frames()) > before + 60);
  await untilPlaysOn(page);
  t.match(await playback(page), { delivery: 'webrtc', fallbacks: 0 });
  t.ok(await page.evaluate<boolean>("window.mark === 'never reloaded'"));
});
