import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import { heardLevel, watchFromPage } from '../../support/clients/whep-page.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { oddMedia, recordStrictly, statusOf } from '../../support/gateway/odd-source.js';
import { run } from '../../support/media/encoder.js';
import { type EnhancedSound, enhancedSound } from '../../support/media/enhanced/enhanced-sound.js';
import { assertInSync } from '../../support/media/hls-recording.js';
import { publishTags } from '../../support/publishers/rtmp-tag-publisher.js';
import { until } from '../../support/until.js';

const DURATION_S = 40;
const VIDEO = (await oddMedia()).filter(({ kind }) => kind !== 'audio');
const [browser, gateway] = await Promise.all([openChromium(t, { webrtc: true }), startGatewayProcess(t)]);
t.jobs = 3;

const SOURCES: [EnhancedSound, number][] = [
  ['flac', 2],
  ['ac3', 6],
  ['eac3', 6],
  ['opus', 6],
  ['aac', 6],
];

for (const [codec, channels] of SOURCES)
  t.test(
    `${codec} with ${channels} channels by enhanced RTMP is heard in stereo by HLS and WebRTC`,
    async (t) => {
      const sound = await enhancedSound(t, codec, { channels, durationS: DURATION_S });
      const tags = [...VIDEO, ...sound].sort((one, other) => one.timestamp - other.timestamp);
      const livestream = await gateway.createLivestream();
      const client = await publishTags(t, gateway, livestream, tags);
      await gateway.untilLive(livestream);
      const page = await openPage(t, browser);
      await watchFromPage(page, gateway, livestream.streamId);
      const recording = await recordStrictly(t, livestream);
      await assertInSync(t, recording, 4);
      const probe = ['-v', 'error', '-select_streams', 'a', '-show_entries', 'stream=codec_name,channels'];
      const { stdout } = await run('ffprobe', [...probe, '-of', 'csv=p=0', livestream.hls]);
      t.match(stdout, /^aac,2/);
      const { source, notices } = await statusOf(gateway, livestream);
      t.match(source?.audio, { codec, channels, sampleRate: 48_000 });
      t.same(notices, []);
      await until('the tone is heard by WebRTC', async () => (await heardLevel(page)) > 0.05);
      t.equal(client.closed, false);
    },
  );
