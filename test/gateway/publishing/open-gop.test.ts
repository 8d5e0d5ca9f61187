import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import { shownPictures, watchFromPage } from '../../support/clients/whep-page.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { oddMedia, recordStrictly, untilContinuous } from '../../support/gateway/odd-source.js';
import { openHevcTags } from '../../support/media/enhanced-tags.js';
import type { FileTag } from '../../support/media/flv-file.js';
import { assertInSync } from '../../support/media/hls-recording.js';
import { publishTags } from '../../support/publishers/rtmp-tag-publisher.js';
import { until } from '../../support/until.js';

/** Longer than any group of pictures is kept, ms. */
const LATE_MS = 17_000;
const [browser, gateway] = await Promise.all([
  openChromium(t, { webrtc: true }),
  startGatewayProcess(t, { LADDER_IDLE: '10' }),
]);
t.jobs = 2;

const CLOSED = await oddMedia();
const SOURCES: [string, () => Promise<FileTag[]>][] = [
  ['open groups of pictures', () => oddMedia({ bFrames: 3, x264Params: 'open-gop=1' })],
  ['intra refresh', () => oddMedia({ bFrames: 0, x264Params: 'intra-refresh=1' })],
  [
    'open groups of pictures in HEVC',
    async () => {
      const tags = [...(await openHevcTags(t, 40)), ...CLOSED.filter(({ kind }) => kind === 'audio')];
      return tags.sort((one, other) => one.timestamp - other.timestamp);
    },
  ],
  ['no keyframe', () => oddMedia({ x264Params: 'keyint=infinite' })],
];

for (const [title, media] of SOURCES)
  t.test(
    `a viewer who comes late to a source that has sent one IDR picture and then ${title} sees a picture`,
    async (t) => {
      const tags = await media();
      const livestream = await gateway.createLivestream();
      const began = performance.now();
      await publishTags(t, gateway, livestream, tags);
      await until('media have come for long', () => performance.now() - began > LATE_MS, LATE_MS + 5_000);
      const page = await openPage(t, browser);
      await watchFromPage(page, gateway, livestream.streamId);
      await until('pictures are shown by WebRTC', async () => (await shownPictures(page)) > 30);
      await untilContinuous(livestream);
      await assertInSync(t, await recordStrictly(t, livestream), 4);
    },
  );
