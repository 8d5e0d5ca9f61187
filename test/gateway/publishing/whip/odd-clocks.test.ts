import t from 'tap';
import { openChromium } from '../../../support/clients/chromium.js';
import { startGatewayProcess } from '../../../support/gateway/gateway-process.js';
import { encodeH264Loop, isIdr, singleUnits } from '../../../support/media/rtp/h264-rtp.js';
import { encodeBeep } from '../../../support/media/rtp/opus-rtp.js';
import { assertRtpPlays, type OddRtp } from '../../../support/publishers/odd-rtp.js';
import type { RtpTrack } from '../../../support/publishers/rtp-publisher.js';

const LOOP = await encodeH264Loop();
const [browser, gateway] = await Promise.all([
  openChromium(t, { webrtc: true }),
  startGatewayProcess(t, { LADDER: 'off' }),
]);
const audio: RtpTrack = { frames: (await encodeBeep(t)).map((packet) => [packet]), frameMs: 20 };
const video: RtpTrack = {
  frames: LOOP.pictures.map((units) => singleUnits(isIdr(units) ? [...LOOP.sets, ...units] : units)),
  frameMs: 1_000 / 30,
};

const SOURCES: Record<string, Partial<OddRtp>> = {
  'timestamps at 45 kHz': {
    video: { ...video, timestamp: (ms) => ms * 45 },
    playsAfterMs: 12_000,
  },
  'timestamps in milliseconds, and no sender reports': {
    video: { ...video, timestamp: (ms) => ms },
    reports: 'none',
    playsAfterMs: 18_000,
  },
  'no sender reports': { reports: 'none' },
  'sender reports of video that are 7 s wrong': { reports: { errorMs: 7_000 } },
  'gaps in place of silence': {
    audio: { ...audio, sends: (ms) => ms % 5_000 < 2_500 },
    minimumFlashes: 2,
  },
};

for (const [title, source] of Object.entries(SOURCES))
  t.test(`a WHIP source with ${title} plays in sync by HLS and WebRTC`, (t) =>
    assertRtpPlays(t, gateway, browser, { video, audio, ...source }),
  );
