import t from 'tap';
import type { Livestream } from '../support/gateway/gateway-process.js';
import { publish, testMedia } from '../support/media/encoder.js';
import { seededRandom } from '../support/media/seeded-random.js';
import { assertPlayable, assertPlayedToEnd } from '../support/recordings/recorded-playback.js';
import { RecordingGateway } from '../support/recordings/recording-gateway.js';
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
