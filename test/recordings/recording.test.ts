import { statSync } from 'node:fs';
import t from 'tap';
import { publish, testMedia } from '../support/media/encoder.js';
import { probeFile, RecordingGateway } from '../support/recordings/recording-gateway.js';

t.test('a livestream with recording enabled is recorded from its first to its last segment', async (t) => {
  const recorder = await RecordingGateway.start(t);
  const livestream = await recorder.createRecorded();
  const encoder = publish(t, await testMedia(60), livestream.rtmp);
  const running = await recorder.untilSeconds(livestream, 6);
  t.equal(running.state, 'recording');
  t.ok(running.sizeBytes > 100_000, `${running.sizeBytes} bytes while it runs`);
  await encoder.stop();
  await recorder.end(livestream);
  const ready = await recorder.untilReady(livestream);
  t.equal(ready.endReason, 'broadcast-ended');
  const files = recorder.files(ready);
  t.equal(files.length, 2, 'video and audio');
  t.equal(
    ready.sizeBytes,
    files.reduce((sum, file) => sum + statSync(file).size, 0),
  );
  for (const file of files) {
    const { firstS, lastS, isMonotonic } = await probeFile(file);
    t.ok(isMonotonic, file);
    t.ok(Math.abs(lastS - firstS - ready.durationS) < 0.1, `${lastS - firstS} of ${ready.durationS} s`);
  }
});

t.test('a recording URL given at the end wins over the recording of the gateway', async (t) => {
  const recorder = await RecordingGateway.start(t);
  const { gateway } = recorder;
  const livestream = await recorder.createRecorded();
  const encoder = publish(t, await testMedia(60), livestream.rtmp);
  await recorder.untilSeconds(livestream, 2);
  const recordingUrl = 'https://recordings.example.test/1.mp4';
  await gateway.api('POST', `/${livestream.streamId}/end`, { recordingUrl });
  await encoder.ended;
  await recorder.untilReady(livestream);
  const { stream } = await gateway.api<{ stream: object }>('GET', `/${livestream.streamId}`);
  t.match(stream, { recordingUrl });
});
