import t from 'tap';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import {
  assertPlays,
  type OddSource,
  oddMedia,
  readMediaPlaylist,
  recordStrictly,
  sizeOf,
  statusOf,
} from '../../support/gateway/odd-source.js';
import * as odd from '../../support/media/odd-tags.js';
import { publishTags } from '../../support/publishers/rtmp-tag-publisher.js';
import { until } from '../../support/until.js';

const MEDIA = await oddMedia();
const PORTRAIT = await oddMedia({ size: '270x480' });

const gateway = await startGatewayProcess(t);
t.jobs = 4;

const SOURCES: Record<string, OddSource> = {
  'composition times that are 80 ms too small': { tags: odd.withCompositionShift(MEDIA, -80) },
  'AAC with ADTS headers': { tags: odd.withAdts(MEDIA) },
  'metadata with 0.05 frames per second and another size': {
    tags: odd.withMetadata(MEDIA, { framerate: 0.05, width: 7680, height: 4320 }),
    frameRate: 30_000 / 1_001,
  },
  'AAC without its configuration': {
    tags: odd.withoutConfiguration(MEDIA, 'audio'),
    hasAudio: false,
    notices: [/has not sent its AAC configuration/],
  },
  'an open GOP': {
    tags: await oddMedia({ bFrames: 3, x264Params: 'open-gop=1' }),
    notices: [/keyframes are more than 4 s apart/],
  },
};

for (const [title, source] of Object.entries(SOURCES))
  t.test(`a source with ${title} plays, and its owner is told what to change`, (t) =>
    assertPlays(t, gateway, source),
  );

t.test(
  'a size that changes in band gets an initialization section and a ladder of the new size',
  async (t) => {
    const changeMs = 8_000;
    const before = MEDIA.filter(({ timestamp }) => timestamp < changeMs);
    const livestream = await gateway.createLivestream();
    await publishTags(t, gateway, livestream, odd.appended(before, odd.withSetsInBand(PORTRAIT), changeMs));
    await gateway.untilLive(livestream);
    t.match(await (await fetch(livestream.hls)).text(), 'RESOLUTION=320x180');
    const multivariant = await until('the playlist has the new size', async () => {
      const text = await (await fetch(livestream.hls)).text();
      return text.includes('RESOLUTION=270x480') && text;
    });
    t.notMatch(multivariant, 'RESOLUTION=320x180');
    t.match(await statusOf(gateway, livestream), { source: { video: { width: 270, height: 480 } } });
    await until('media of the new size are published', async () => {
      const [, after] = (await readMediaPlaylist(livestream)).split('#EXT-X-DISCONTINUITY\n');
      return after !== undefined && /^#EXT-X-MAP/m.test(after) && (after.match(/#EXTINF/g)?.length ?? 0) >= 3;
    });
    t.equal(await sizeOf(await recordStrictly(t, livestream)), '270,480');
  },
);
