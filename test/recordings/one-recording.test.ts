import t from 'tap';
import { openChromium } from '../support/clients/chromium.js';
import { openPage } from '../support/clients/pages.js';
import { publishFromPage, stopPublishing } from '../support/clients/whip-page.js';
import { publish, testMedia } from '../support/media/encoder.js';
import { probeFile, RecordingGateway } from '../support/recordings/recording-gateway.js';
import { until } from '../support/until.js';

t.test('two reconnects, a takeover and a hop from RTMP to WHIP make one recording', async (t) => {
  const [browser, recorder] = await Promise.all([
    openChromium(t, { webrtc: true }),
    RecordingGateway.start(t),
  ]);
  const { gateway } = recorder;
  const livestream = await recorder.createRecorded();
  const source = await testMedia(120);
  let encoder = publish(t, source, livestream.rtmp);
  let seconds = 5;
  await recorder.untilSeconds(livestream, seconds);
  for (let reconnect = 0; reconnect < 2; reconnect++) {
    await encoder.stop('SIGKILL');
    await until('it waits', async () => (await gateway.state(livestream.streamId)) === 'reconnecting');
    encoder = publish(t, source, livestream.rtmp);
    await recorder.untilSeconds(livestream, (seconds += 4));
  }
  const replaced = encoder;
  encoder = publish(t, source, livestream.rtmp, { startS: 20 });
  await replaced.ended;
  await recorder.untilSeconds(livestream, (seconds += 4));
  await encoder.stop();
  const camera = await openPage(t, browser);
  await publishFromPage(camera, gateway, livestream.streamKey, { codec: 'video/H264' });
  await recorder.untilSeconds(livestream, (seconds += 4));
  await stopPublishing(camera);
  await recorder.end(livestream);
  const ready = await recorder.untilReady(livestream);
  t.equal((await recorder.recordings(livestream)).length, 1);

  type Row = { file: number; kind: string; run: number; seconds: number; start: number; end: number };
  const rows = await recorder.sql<Row[]>`
    select f.number as file, f.kind, f.run, sum(s.duration_s) as seconds, min(s.decode_time_s) as start,
      max(s.decode_time_s + s.duration_s) as end
    from recording_files f join recording_segments s on s.recording_id = f.recording_id and s.file_number = f.number
    where f.recording_id = ${ready.id} group by f.number, f.kind, f.run order by f.run, f.number`;
  const runs = [...new Set(rows.map(({ run }) => run))];
  t.ok(runs.length >= 5, `runs ${runs.join(' ')}`);
  for (const kind of ['video', 'audio']) {
    const ofKind = rows.filter((row) => row.kind === kind);
    for (const [index, { start }] of ofKind.entries())
      if (index > 0)
        t.ok(start >= ofKind[index - 1]!.end - 0.001, `${kind}, run ${index}: starts at ${start}`);
  }
  let durationS = 0;
  for (const run of runs) {
    let longestS = 0;
    for (const file of recorder.files(ready).filter((name) => name.endsWith(`-${run}.mp4`))) {
      const { firstS, lastS, isMonotonic } = await probeFile(file);
      t.ok(isMonotonic, file);
      longestS = Math.max(longestS, lastS - firstS);
    }
    durationS += longestS;
  }
  t.ok(
    Math.abs(durationS - ready.durationS) < 0.1,
    `${durationS} s of media, ${ready.durationS} s announced`,
  );
});
