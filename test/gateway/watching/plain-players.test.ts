import path from 'node:path';
import t from 'tap';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, run, testMedia } from '../../support/media/encoder.js';
import { flashToBeep } from '../../support/media/flash-and-beep.js';

t.test('ffmpeg records ten seconds of HLS without errors and in sync with the source', async (t) => {
  const gateway = await startGatewayProcess(t);
  const { streamId, rtmp, hls } = await gateway.createLivestream();
  const source = await testMedia(40);
  publish(t, source, rtmp);
  await gateway.untilLive({ streamId });

  const recording = path.join(t.testdir(), 'recording.mp4');
  const { stderr } = await run('ffmpeg', [
    ...['-v', 'error', '-i', hls, '-map', '0:v:0', '-map', '0:a:0', '-t', '10', '-c', 'copy', recording],
  ]);
  t.equal(stderr, '', 'ffmpeg logs nothing');
  const { stdout } = await run('ffprobe', [
    ...[
      '-v',
      'error',
      '-show_entries',
      'stream=codec_name,codec_type,duration',
      '-of',
      'compact=p=0',
      recording,
    ],
  ]);
  t.match(stdout, /codec_name=h264\|codec_type=video\|duration=(9\.[5-9]|10)/);
  t.match(stdout, /codec_name=aac\|codec_type=audio\|duration=(9\.[5-9]|10)/);

  const offsets = await flashToBeep(recording);
  const own = await flashToBeep(source);
  t.ok(offsets.length >= 8, 'flashes and beeps are present');
  const middle = (values: number[]): number =>
    values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
  // One frame: the flash begins at the first frame after the full second, the tone at the second itself.
  t.ok(
    Math.abs(middle(offsets) - middle(own)) < 0.034,
    `beep to flash ${middle(offsets)}, in the source ${middle(own)}`,
  );
});
