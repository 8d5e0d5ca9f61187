import t, { type Test } from 'tap';
import { openChromium } from '../support/clients/chromium.js';
import { openPage } from '../support/clients/pages.js';
import type { Livestream } from '../support/gateway/gateway-process.js';
import { publish, testMedia } from '../support/media/encoder.js';
import { seededRandom } from '../support/media/seeded-random.js';
import { probeFile, RecordingGateway } from '../support/recordings/recording-gateway.js';
import { until } from '../support/until.js';

const ROUNDS = 10;
/** Seed of the moments of the kills. */
const SEED = 11_2026;
/** Media before each kill, s: from one segment to three. */
const MEDIA_S = { least: 2, most: 6 };

/** Lists the media sequence numbers of complete segments in the playlist of the best rendition. */
async function completeSegments({ hls }: Livestream): Promise<number[]> {
  const multivariant = await (await fetch(hls)).text();
  const uri = multivariant.split('\n').find((line) => line !== '' && !line.startsWith('#')) ?? '';
  const playlist = await (await fetch(new URL(uri, hls))).text();
  return [...playlist.matchAll(/^s(\d+)\.m4s/gm)].map(([, msn]) => Number(msn));
}

async function recordedSegments(recorder: RecordingGateway, id: string): Promise<number[]> {
  const rows = await recorder.sql<{ msn: number }[]>`
    select distinct msn from recording_segments s join recording_files f
      on f.recording_id = s.recording_id and f.number = s.file_number
    where s.recording_id = ${id} and f.kind = 'video' order by msn`;
  return rows.map(({ msn }) => msn);
}

/** Asserts that every file plays to its end, and that no rendition lacks a segment that the others have. */
async function assertPlayable(t: Test, recorder: RecordingGateway, id: string): Promise<number> {
  let frames = 0;
  for (const file of recorder.files({ id })) {
    const probed = await probeFile(file);
    t.ok(probed.isMonotonic, `${file}: monotonic`);
    frames += probed.frames;
  }
  return frames;
}

/** Speed at which Chromium plays. */
const PLAYBACK_RATE = 8;

/** Plays a recording on its page to its end. */
async function assertPlayedToEnd(t: Test, { gateway }: RecordingGateway, id: string): Promise<void> {
  const browser = await openChromium(t);
  const page = await openPage(t, browser);
  const read = (expression: string): Promise<unknown> =>
    page.evaluate(`(video => ${expression})(document.querySelector('video'))`);
  await page.goto(`${gateway.http}/recordings/${id}`);
  await until('it plays', async () => Number(await read('video?.currentTime')) > 0);
  await read(`{ video.muted = true; video.playbackRate = ${PLAYBACK_RATE}; void video.play(); }`);
  await until('it is played to its end', async () => (await read('video.ended')) === true, 60_000);
  const durationS = Number(await read('video.duration'));
  const playedS = Number(
    await read(
      '[...Array(video.played.length).keys()].reduce((sum, at) => sum + video.played.end(at) - video.played.start(at), 0)',
    ),
  );
  t.ok(playedS > durationS - 1, `${playedS} of ${durationS} s are played`);
}

t.test('ten kills at random moments lose at most the segment before each', async (t) => {
  const random = seededRandom(SEED);
  const recorder = await RecordingGateway.start(t, { LADDER: '180:200k', RECORD_RENDITIONS: 'all' });
  const { gateway } = recorder;
  const source = await testMedia(120);
  const livestream = await recorder.createRecorded();
  let encoder = publish(t, source, livestream.rtmp);
  let recordingId: string | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    await gateway.untilLive(livestream);
    const [current] = await until('it is recorded', async () => {
      const found = await recorder.recordings(livestream);
      return found.length > 0 && found;
    });
    const { durationS } = current!;
    t.equal(current?.id, (recordingId ??= current?.id), 'one recording');
    const mediaS = MEDIA_S.least + random() * (MEDIA_S.most - MEDIA_S.least);
    await recorder.untilSeconds(livestream, durationS + mediaS);
    const complete = await completeSegments(livestream);
    if (round % 2 === 1) {
      for (const pid of await gateway.encoderPids()) process.kill(pid, 'SIGKILL');
      await recorder.untilSeconds(livestream, durationS + mediaS + 2);
    } else {
      await gateway.kill('SIGKILL');
      await encoder.ended;
      await gateway.start();
      encoder = publish(t, source, livestream.rtmp);
    }
    const recorded = new Set(await recordedSegments(recorder, recordingId!));
    const missing = complete.filter((msn) => !recorded.has(msn));
    t.ok(missing.length <= 1, `round ${round}: ${missing.length} of ${complete.length} segments are missing`);
  }
  await encoder.stop();
  await recorder.end(livestream);
  const ready = await recorder.untilReady(livestream);
  t.equal((await recorder.recordings(livestream)).length, 1, 'one recording per broadcast');
  const files = recorder.files(ready);
  t.ok(files.length >= 3 * (ROUNDS / 2), `${files.length} files`);
  const frames = await assertPlayable(t, recorder, ready.id);
  const [{ sizeBytes } = { sizeBytes: 0 }] = await recorder.sql<{ sizeBytes: number }[]>`
    select (sum(byte_length)::float8 + (select sum(init_bytes) from recording_files where recording_id = ${ready.id}))
      as "sizeBytes" from recording_segments where recording_id = ${ready.id}`;
  t.equal(sizeBytes, ready.sizeBytes);
  t.ok(frames > ready.durationS * 2 * 25, `${frames} frames in ${ready.durationS} s of three renditions`);
  await assertPlayedToEnd(t, recorder, ready.id);
});

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
