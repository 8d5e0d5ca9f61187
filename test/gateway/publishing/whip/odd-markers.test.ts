import t from 'tap';
import { openChromium } from '../../../support/clients/chromium.js';
import { startGatewayProcess } from '../../../support/gateway/gateway-process.js';
import { encodeH264Loop, isIdr, singleUnits } from '../../../support/media/rtp/h264-rtp.js';
import { encodeBeep } from '../../../support/media/rtp/opus-rtp.js';
import { encodeVpxLoop } from '../../../support/media/rtp/vpx-rtp.js';
import { assertRtpPlays } from '../../../support/publishers/odd-rtp.js';
import type { RtpPublisherOptions, RtpTrack } from '../../../support/publishers/rtp-publisher.js';

const SLICES = await encodeH264Loop({ slices: 4 });
const [browser, gateway] = await Promise.all([
  openChromium(t, { webrtc: true }),
  startGatewayProcess(t, { LADDER: 'off' }),
]);
t.jobs = 2;
const audio: RtpTrack = { frames: (await encodeBeep(t)).map((packet) => [packet]), frameMs: 20 };

/** Makes a track of four slices in each picture. */
const slices = (marker: 'never' | 'always'): RtpTrack => ({
  frames: SLICES.pictures.map((units) => singleUnits(isIdr(units) ? [...SLICES.sets, ...units] : units)),
  frameMs: 1_000 / 30,
  marker,
});

const SOURCES: Record<string, Partial<RtpPublisherOptions>> = {
  'no marker bits': { video: slices('never') },
  'a marker bit in every packet': { video: slices('always') },
  'VP8 without marker bits': {
    video: { frames: await encodeVpxLoop(t, 'vp8'), frameMs: 1_000 / 30, marker: 'never' },
    codec: { name: 'VP8' },
  },
  'VP9 with a marker bit in every packet': {
    video: { frames: await encodeVpxLoop(t, 'vp9'), frameMs: 1_000 / 30, marker: 'always' },
    codec: { name: 'VP9' },
  },
};

for (const [title, source] of Object.entries(SOURCES))
  t.test(`a WHIP source with ${title} plays in sync by HLS and WebRTC`, (t) =>
    assertRtpPlays(t, gateway, browser, { ...source, audio }),
  );
