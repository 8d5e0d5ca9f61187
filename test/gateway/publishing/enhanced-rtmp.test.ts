import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import { isGrey, shownPicture } from '../../support/clients/shown-picture.js';
import { receivedCodec, shownPictures, watchFromPage } from '../../support/clients/whep-page.js';
import { enhancedRtmpFfmpeg } from '../../support/gateway/enhanced-rtmp-ffmpeg.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { assertPlays } from '../../support/gateway/odd-source.js';
import { run } from '../../support/media/encoder.js';
import { enhancedTags } from '../../support/media/enhanced-tags.js';
import type { FileTag } from '../../support/media/flv-file.js';
import { publishTags } from '../../support/publishers/rtmp-tag-publisher.js';
import { until } from '../../support/until.js';

const program = enhancedRtmpFfmpeg(t.testdir());
const gateway = await startGatewayProcess(t, { LADDER: '180:300k' });

const CODECS = {
  HEVC: ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=none:keyint=30:min-keyint=30'],
  AV1: ['-c:v', 'libsvtav1', '-preset', '12', '-g', '30'],
};

/** Publishes by enhanced RTMP with an ffmpeg of 6.1 or newer. */
function publishEnhanced(t: Test, ffmpeg: string, encoder: string[], url: string) {
  const args = ['-v', 'warning', '-re', '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=15'];
  args.push(
    '-re',
    '-f',
    'lavfi',
    '-i',
    'sine',
    '-t',
    '60',
    '-pix_fmt',
    'yuv420p',
    ...encoder,
    '-c:a',
    'aac',
    '-f',
    'flv',
    url,
  );
  const child = spawn(ffmpeg, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (bytes) => {
    errors += bytes;
  });
  const ended = once(child, 'close').then(() => errors);
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return ended;
}

/** Whether a tag is sent by a publisher whose picture pauses for four seconds, every twelve. */
function isBeforePause({ kind, timestamp }: FileTag): boolean {
  return kind === 'audio' || timestamp % 12_000 < 8_000;
}

for (const codec of ['hevc', 'av1', 'vp9', 'vp8'] as const)
  t.test(`${codec} and Opus by enhanced RTMP play in sync, whatever this ffmpeg reads of FLV`, async (t) => {
    await assertPlays(t, gateway, { tags: await enhancedTags(t, codec, 60), frameRate: 30 });
  });

t.test('HEVC by enhanced RTMP is shown by WebRTC, and a slate while its picture pauses', async (t) => {
  const livestream = await gateway.createLivestream();
  await publishTags(t, gateway, livestream, (await enhancedTags(t, 'hevc', 60)).filter(isBeforePause));
  await gateway.untilLive(livestream);
  const page = await openPage(t, await openChromium(t, { webrtc: true }));
  await watchFromPage(page, gateway, livestream.streamId);
  await until('two groups of pictures are shown', async () => (await shownPictures(page)) > 120);
  const isSlate = async (): Promise<boolean> => isGrey(await shownPicture(page), 55, 120);
  await until('the slate is shown', isSlate);
  await until('the picture has returned', async () => !(await isSlate()));
  const shown = await shownPictures(page);
  await until('it goes on', async () => (await shownPictures(page)) > shown + 60);
});

t.test('AV1 by enhanced RTMP is sent as it is to viewers that take it, beside H.264 to others', async (t) => {
  const livestream = await gateway.createLivestream();
  await publishTags(t, gateway, livestream, (await enhancedTags(t, 'av1', 60)).filter(isBeforePause));
  await gateway.untilLive(livestream);
  const browser = await openChromium(t, { webrtc: true });
  const [any, h264Only] = [await openPage(t, browser), await openPage(t, browser)];
  await watchFromPage(any, gateway, livestream.streamId);
  await until('AV1 is shown', async () => (await shownPictures(any)) > 60);
  t.equal(await receivedCodec(any), 'video/AV1');
  const encoders = gateway.log.filter(
    ({ msg, streamId }) => msg === 'WebRTC encoder started' && streamId === livestream.streamId,
  );
  t.match(encoders, [{ audio: true, video: false }], 'no video is encoded');
  await watchFromPage(h264Only, gateway, livestream.streamId, 'video/H264');
  await until('H.264 is shown', async () => (await shownPictures(h264Only)) > 30);
  t.equal(await receivedCodec(h264Only), 'video/H264');
  const untilResumed = async (page: Page): Promise<void> => {
    const isSlate = async (): Promise<boolean> => isGrey(await shownPicture(page), 55, 120);
    await until('the slate is shown while the picture pauses', isSlate);
    await until('the picture has returned', async () => !(await isSlate()));
    const shown = await shownPictures(page);
    await until('it goes on', async () => (await shownPictures(page)) > shown + 60);
  };
  await Promise.all([untilResumed(any), untilResumed(h264Only)]);
  t.equal(await receivedCodec(any), 'video/AV1');
});

for (const [name, encoder] of Object.entries(CODECS)) {
  t.test(
    `${name} by enhanced RTMP becomes a ladder that every browser plays`,
    { skip: program ? false : 'needs an ffmpeg >= 6.1: see scripts/debian-13' },
    async (t) => {
      const { streamId, rtmp, hls } = await gateway.createLivestream();
      void publishEnhanced(t, program ?? '', encoder, rtmp);
      await until('the stream is live', async () => (await gateway.state(streamId)) === 'live', 60_000);
      const { stdout } = await run('ffprobe', [
        ...['-v', 'error', '-show_entries', 'stream=codec_name,width,height', '-of', 'compact=p=0', hls],
      ]);
      t.match(stdout, 'codec_name=h264|width=320|height=180');
      const { stream } = await gateway.api<{ stream: { source: { video: { codec: string } } } }>(
        'GET',
        `/${streamId}`,
      );
      t.equal(stream.source.video.codec, name.toLowerCase());
    },
  );
}
