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

const CHANGE_MS = 8_000;
const isPause = (ms: number): boolean => ms >= CHANGE_MS && ms < 2 * CHANGE_MS;

const SOURCES: Record<string, Partial<OddRtp>> = {
  'timestamps that jump by hours': {
    video: { ...video, timestamp: (ms) => ms * 90 + (ms < CHANGE_MS ? 0 : 0x5000_0000) },
    playsAfterMs: CHANGE_MS + 1_000,
  },
  'timestamps that jump back, and no sender reports': {
    video: { ...video, timestamp: (ms) => ms * 90 + (ms < CHANGE_MS ? 9_000_000 : 0) },
    reports: 'none',
    playsAfterMs: CHANGE_MS + 1_000,
  },
  'audio timestamps that jump': {
    audio: { ...audio, timestamp: (ms) => ms * 48 + (ms < CHANGE_MS ? 0 : 0x3000_0000) },
    playsAfterMs: CHANGE_MS + 1_000,
  },
  'timestamps that stop during a pause of the video, and no sender reports': {
    video: {
      ...video,
      sends: (ms) => !isPause(ms),
      timestamp: (ms) => (ms < CHANGE_MS ? ms : ms - CHANGE_MS) * 90,
    },
    reports: 'none',
    playsAfterMs: 2 * CHANGE_MS + 6_000,
  },
};

for (const [title, source] of Object.entries(SOURCES))
  t.test(`a WHIP source with ${title} plays in sync by HLS and WebRTC`, (t) =>
    assertRtpPlays(t, gateway, browser, { video, audio, ...source }),
  );
