import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import {
  enhancedRtmpFfmpeg,
  systemFfmpegHasEnhancedRtmp,
} from '../../support/gateway/enhanced-rtmp-ffmpeg.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { run } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

const program = enhancedRtmpFfmpeg(t.testdir());

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

for (const [name, encoder] of Object.entries(CODECS)) {
  t.test(
    `${name} by enhanced RTMP becomes a ladder that every browser plays`,
    { skip: program ? false : 'needs an ffmpeg >= 6.1: see scripts/debian-13' },
    async (t) => {
      const ffmpeg = program ?? '';
      const gateway = await startGatewayProcess(t, { FFMPEG_PATH: ffmpeg });
      const { streamId, rtmp, hls } = await gateway.createLivestream();
      void publishEnhanced(t, ffmpeg, encoder, rtmp);
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

  t.test(
    `${name} is refused with its name where the installed ffmpeg cannot decode it`,
    {
      skip:
        !program || systemFfmpegHasEnhancedRtmp
          ? 'needs an old ffmpeg to refuse and a new one to publish'
          : false,
    },
    async (t) => {
      const gateway = await startGatewayProcess(t);
      const { streamId, rtmp } = await gateway.createLivestream();
      const errors = await publishEnhanced(t, program ?? '', encoder, rtmp);
      t.match(errors, name, 'the encoder gets the codec to choose');
      t.not(await gateway.state(streamId), 'live');
    },
  );
}
