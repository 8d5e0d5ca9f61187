import { parse, setOptions, type types } from 'hls-parser';
import t, { type Test } from 'tap';
import { PackagedBroadcast } from '../support/gateway/packaged-broadcast.js';
import { type LadderChunk, makeLadder } from '../support/media/cmaf-ladder.js';

setOptions({ strictMode: true });
const { renditions, chunks } = await makeLadder({ folder: t.testdir(), durationS: 5 });
const IDS = renditions.map(({ id }) => id);
/** Encoders start here (s), and make a keyframe every 2.002 s. */
const BEGIN = 10;
const CUT = BEGIN + 2.002;

/** Media in arrival order when audio is so much later (s) than video and the encoder dies or starts in between. */
function arriving(audioLateS: number, from: number, to: number): LadderChunk[] {
  const arrival = ({ rendition, timeS }: LadderChunk): number =>
    timeS + (rendition === 'audio' ? audioLateS : 0);
  return chunks
    .filter((chunk) => arrival(chunk) >= from && arrival(chunk) < to)
    .sort((a, b) => arrival(a) - arrival(b));
}

function segments(broadcast: PackagedBroadcast, id: string): types.Segment[] {
  const playlist = parse(broadcast.playlist(id)) as types.MediaPlaylist;
  return playlist.segments.filter(({ uri }) => uri);
}

/**
 * Largest difference of durations and dates, s: three frames of audio, and at the end of a run the two frames by which
 * video with B-frames is presented later than decoded.
 */
const TOLERANCE_S = 0.07 + 2 / 30;

/** Requires the same segments in all renditions: numbers, runs and, within the tolerance, times. @returns the first's */
function sameSegments(t: Test, broadcast: PackagedBroadcast, when: string): types.Segment[] {
  const place = ({ mediaSequenceNumber, discontinuitySequence }: types.Segment) => [
    mediaSequenceNumber,
    discontinuitySequence,
  ];
  const [source = [], ...others] = IDS.map((id) => segments(broadcast, id));
  for (const [index, list] of others.entries()) {
    const id = IDS[index + 1];
    t.same(list.map(place), source.map(place), `${when}: ${id} has the segments of ${IDS[0]}`);
    for (const [at, { duration, programDateTime }] of list.entries()) {
      const other = source[at];
      const apart = Number(programDateTime) - Number(other?.programDateTime);
      if (Math.abs(duration - (other?.duration ?? 0)) > TOLERANCE_S || Math.abs(apart) > 70)
        t.fail(`${when}: segment ${at} of ${id} lasts ${duration}, that of ${IDS[0]} ${other?.duration}`);
    }
  }
  return source;
}

for (const audioLateS of [0, 0.3, 1])
  t.test(
    `renditions stay aligned when an encoder dies at any moment with audio ${audioLateS} s late`,
    async (t) => {
      for (let death = CUT - 0.1; death < CUT + 0.9; death += 1 / 15) {
        const broadcast = new PackagedBroadcast({ keyframeInterval: 2.002 });
        const first = broadcast.startRun(0, renditions);
        await broadcast.writeChunks(first, arriving(audioLateS, 0, death));
        first.close();
        for (const id of IDS)
          for (const { duration } of segments(broadcast, id))
            if (duration < 0.2) t.fail(`death at ${death.toFixed(3)}: ${id} has a segment of ${duration} s`);
        const second = broadcast.startRun(1, renditions);
        const empty: string[] = [];
        await broadcast.writeChunks(second, arriving(audioLateS, 0, CUT + 2.5), () => {
          for (const id of IDS) if (segments(broadcast, id).length === 0) empty.push(id);
        });
        second.close();
        const when = `death at ${death.toFixed(3)}`;
        t.same(empty, [], `${when}: every playlist always has a segment`);
        const source = sameSegments(t, broadcast, when);
        t.equal(source?.[0]?.mediaSequenceNumber, 0, `${when}: what was published stays`);
      }
    },
  );

t.test('a last segment of some frames is given up, also when encoders end before the run', async (t) => {
  for (const lastS of [0.01, 0.05, 0.1]) {
    const broadcast = new PackagedBroadcast({ keyframeInterval: 2.002 });
    const run = broadcast.startRun(0, renditions);
    await broadcast.writeChunks(run, arriving(0, 0, CUT + lastS));
    for (const id of IDS) run.encoderEnded(id);
    run.close();
    for (const id of IDS)
      t.same(
        segments(broadcast, id).map(({ mediaSequenceNumber }) => mediaSequenceNumber),
        [0],
        `${id} ${lastS} s after a keyframe`,
      );
  }
});

t.test('audio reaches the end of presentation of reordered video at the end of a run', async (t) => {
  for (const audioLateS of [0, 0.3]) {
    const broadcast = new PackagedBroadcast({ keyframeInterval: 2.002 });
    const run = broadcast.startRun(0, renditions);
    await broadcast.writeChunks(run, arriving(audioLateS, 0, CUT + 0.633));
    run.close();
    const [video, audio] = ['source', 'audio'].map((id) => segments(broadcast, id).at(-1)?.duration ?? 0);
    // By two frames at 29.97 frames per second, within a frame of audio.
    const longerS = (audio ?? 0) - (video ?? 0);
    t.ok(Math.abs(longerS - 2 / 29.97) < 0.024, `audio that comes ${audioLateS} s late: ${longerS} s longer`);
  }
});

t.test('audio that starts after the video misses no segment', async (t) => {
  for (const late of [0.15, 0.5, 1.2, 2.4]) {
    const broadcast = new PackagedBroadcast({ keyframeInterval: 2.002 });
    const first = broadcast.startRun(0, renditions);
    await broadcast.writeChunks(first, arriving(0, 0, CUT + 0.5));
    first.close();
    const second = broadcast.startRun(1, renditions);
    const [init] = chunks.filter(({ rendition }) => rendition === 'audio');
    const rest = arriving(0, 0, CUT + 2.5).filter(
      (chunk) => chunk !== init && (chunk.rendition !== 'audio' || chunk.timeS >= BEGIN + late),
    );
    const moof = init!.bytes.indexOf('moof');
    second.write('audio', moof < 0 ? init!.bytes : init!.bytes.subarray(0, moof - 4));
    await broadcast.writeChunks(second, rest);
    second.close();
    const source = sameSegments(t, broadcast, `audio ${late} s late`);
    t.equal(source[0]?.mediaSequenceNumber, 0, 'what was published stays');
    t.ok(source.length >= 4);
  }
});
