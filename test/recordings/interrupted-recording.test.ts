import t from 'tap';
import { publish, testMedia } from '../support/media/encoder.js';
import { assertPlayable, assertPlayedToEnd } from '../support/recordings/recorded-playback.js';
import { RecordingGateway } from '../support/recordings/recording-gateway.js';

t.test('the next start finishes the recording of a broadcast that does not come back', async (t) => {
  const recorder = await RecordingGateway.start(t, { RECONNECT_GRACE: '1' });
  const { gateway } = recorder;
  const livestream = await recorder.createRecorded();
  publish(t, await testMedia(60), livestream.rtmp);
  const before = await recorder.untilSeconds(livestream, 6);
  await gateway.kill('SIGKILL');
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  await gateway.start();
  const ready = await recorder.untilReady(livestream);
  t.equal(ready.endReason, 'interrupted');
  t.ok(ready.durationS >= before.durationS, `${ready.durationS} s, ${before.durationS} s before the kill`);
  await assertPlayable(t, recorder, ready.id);
  const { stream } = await gateway.api<{ stream: { recordingUrl: string } }>(
    'GET',
    `/${livestream.streamId}`,
  );
  t.match(stream.recordingUrl, `/recordings/${ready.id}/index.m3u8`);
  await assertPlayedToEnd(t, recorder, ready.id);
});
