import t from 'tap';
import { startGatewayProcess } from '../../../support/gateway/gateway-process.js';
import { encodeH264Loop, isIdr, singleUnits } from '../../../support/media/rtp/h264-rtp.js';
import { encodeBeep } from '../../../support/media/rtp/opus-rtp.js';
import { assertFinding, healthOf } from '../../../support/publishers/ingest-health.js';
import {
  RtpPublisher,
  type RtpPublisherOptions,
  type RtpTrack,
} from '../../../support/publishers/rtp-publisher.js';

const LOOP = await encodeH264Loop();
const gateway = await startGatewayProcess(t, { LADDER: 'off' });
const audio: RtpTrack = { frames: (await encodeBeep(t)).map((packet) => [packet]), frameMs: 20, level: 30 };
const video: RtpTrack = {
  frames: LOOP.pictures.map((units) => singleUnits(isIdr(units) ? [...LOOP.sets, ...units] : units)),
  frameMs: 1_000 / 30,
};
const JUMP_AT_MS = 8_000;
const JUMP_MS = 3_600_000;
const ROUND_TRIP_MS = 400;

const FAULTS: Record<string, [RtpPublisherOptions, code: string | undefined, message?: RegExp]> = {
  // Timers fire up to 1 ms early, and reports have a resolution of 1/65536 s (RFC 3550 section 6.4.1).
  'without a fault': [{ video, audio, roundTripMs: 25 }, undefined],
  'that loses packets': [
    {
      video: { ...video, loses: (packet) => packet % 10 === 3 },
      audio: { ...audio, loses: (packet) => packet % 10 === 3 },
    },
    'packet-loss',
    /loses (9|10|11) %/,
  ],
  'that is far away': [{ video, audio, roundTripMs: ROUND_TRIP_MS }, 'round-trip-long', /takes [4-9]\d\d ms/],
  'with silence': [{ video, audio: { ...audio, level: 127 } }, 'sound-silent'],
  'with sound that clips': [{ video, audio: { ...audio, level: 1 } }, 'sound-clipping'],
  'without the sound that it has announced': [
    { video, audio: { ...audio, sends: () => false } },
    'sound-missing',
  ],
  'whose picture stops': [{ video: { ...video, sends: (ms) => ms < JUMP_AT_MS }, audio }, 'picture-missing'],
  'whose sound and picture are reported 1.2 s apart': [
    { video, audio, reports: { errorMs: 1_200 } },
    'audio-video-apart',
  ],
  'whose timestamps jump': [
    {
      video: { ...video, timestamp: (ms) => (ms + (ms > JUMP_AT_MS ? JUMP_MS : 0)) * 90 },
      audio,
      reports: 'none',
    },
    'timestamps-jump',
  ],
};

t.jobs = Object.keys(FAULTS).length;

for (const [title, [options, code, message]] of Object.entries(FAULTS))
  t.test(`a WHIP source ${title} is found to have ${code ?? 'no fault'}, and nothing else`, async (t) => {
    const livestream = await gateway.createLivestream();
    await RtpPublisher.start(t, gateway, livestream, options);
    await assertFinding(t, gateway, livestream, code, message && { message });
    if (code !== undefined) return;
    const { series } = await healthOf(gateway, livestream);
    const newest = (metric: string): number => Number(series[metric]?.at(-1));
    t.ok(newest('frameRate') > 15, `${newest('frameRate')} pictures per second`);
    t.ok(newest('videoBitrate') > 50_000 && newest('audioBitrate') > 5_000);
    t.ok(Math.abs(newest('audioLevel') + 30) < 0.1, 'the level that the packets tell');
    t.ok(newest('roundTripMs') >= 20 && newest('roundTripMs') < 200, `${newest('roundTripMs')} ms`);
    t.equal(newest('packetLoss'), 0);
  });
