import t from 'tap';
import { openChromium } from '../../../support/clients/chromium.js';
import { openPage } from '../../../support/clients/pages.js';
import { watchFromPage } from '../../../support/clients/whep-page.js';
import { startGatewayProcess } from '../../../support/gateway/gateway-process.js';
import { readMediaPlaylist, recordStrictly, sizeOf } from '../../../support/gateway/odd-source.js';
import { DELIMITER, SEI } from '../../../support/media/odd-tags.js';
import { encodeH264Loop, fuA, isIdr, singleUnits, stapA } from '../../../support/media/rtp/h264-rtp.js';
import { encodeBeep } from '../../../support/media/rtp/opus-rtp.js';
import { assertRtpPlays } from '../../../support/publishers/odd-rtp.js';
import {
  RtpPublisher,
  type RtpPublisherOptions,
  type RtpTrack,
} from '../../../support/publishers/rtp-publisher.js';
import { until } from '../../../support/until.js';

const PLAIN = await encodeH264Loop();
const SLICES = await encodeH264Loop({ slices: 4 });
const [browser, gateway] = await Promise.all([
  openChromium(t, { webrtc: true }),
  startGatewayProcess(t, { LADDER: 'off' }),
]);
t.jobs = 2;
const audio: RtpTrack = { frames: (await encodeBeep(t)).map((packet) => [packet]), frameMs: 20 };

const WITHOUT_SETS = PLAIN.pictures.map(singleUnits);
const SETS = PLAIN.sets.map((set) => set.toString('base64')).join();
const [SPS = Buffer.of(), PPS = Buffer.of()] = PLAIN.sets;

/** Makes a track of the payloads of each picture. */
function video(
  { sets, pictures }: typeof PLAIN,
  payloadsOf: (units: Buffer[], sets: Buffer[]) => Buffer[],
): RtpTrack {
  const frames = pictures.map((units) => payloadsOf(units, isIdr(units) ? sets : []));
  return { frames, frameMs: 1_000 / 30 };
}

const apart = (units: Buffer[], sets: Buffer[]): Buffer[] => singleUnits([...sets, ...units]);

const SOURCES: Record<string, Partial<RtpPublisherOptions>> = {
  'parameter sets in SDP alone': {
    video: { frames: WITHOUT_SETS, frameMs: 1_000 / 30 },
    codec: { name: 'H264', parameters: `packetization-mode=1;sprop-parameter-sets=${SETS}` },
  },
  'parameter sets with the first picture alone': {
    video: {
      // Longer than the test.
      frames: [...video(PLAIN, apart).frames, ...Array.from({ length: 60 }, () => WITHOUT_SETS).flat()],
      frameMs: 1_000 / 30,
    },
  },
  'parameter sets in fragments': {
    video: video(PLAIN, (units, sets) => [...sets.flatMap((set) => fuA(set, 8)), ...singleUnits(units)]),
  },
  'delimiter, parameter sets and SEI aggregated, and SEI in packets of their own': {
    video: video(PLAIN, (units, sets) => [
      ...(sets.length > 0 ? [stapA(DELIMITER, SPS, PPS, SEI)] : [DELIMITER, SEI]),
      ...singleUnits(units),
    ]),
  },
  'two slices in each aggregation packet': {
    video: video(SLICES, ([one, other, ...rest], sets) => {
      const joined = stapA(...sets, one!, other!);
      return [
        ...(joined.length < 1_200 ? [joined] : singleUnits([...sets, one!, other!])),
        ...singleUnits(rest),
      ];
    }),
  },
};

t.test('a WHIP source whose size changes in band gets a ladder of the new size', async (t) => {
  const portrait = await encodeH264Loop({ size: '360x640' });
  const after = Array.from({ length: 60 }, () => video(portrait, apart).frames).flat();
  const before = Array.from({ length: 4 }, () => video(PLAIN, apart).frames).flat();
  const livestream = await gateway.createLivestream();
  await RtpPublisher.start(t, gateway, livestream, {
    video: { frames: [...before, ...after], frameMs: 1_000 / 30 },
    audio,
  });
  await gateway.untilLive(livestream);
  const page = await openPage(t, browser);
  await watchFromPage(page, gateway, livestream.streamId);
  await until('the browser shows the new size', async () =>
    page.evaluate<boolean>('whep.video.videoHeight === 640'),
  );
  await until('the playlist has the new size', async () =>
    (await (await fetch(livestream.hls)).text()).includes('RESOLUTION=360x640'),
  );
  await until('media of the new size are published', async () => {
    const [, last] = (await readMediaPlaylist(livestream)).split('#EXT-X-DISCONTINUITY\n');
    return (last?.match(/#EXTINF/g)?.length ?? 0) >= 3;
  });
  t.equal(await sizeOf(await recordStrictly(t, livestream)), '360,640');
});

for (const [title, source] of Object.entries(SOURCES))
  t.test(`a WHIP source with ${title} plays in sync by HLS and WebRTC`, (t) =>
    assertRtpPlays(t, gateway, browser, { ...source, audio }),
  );
