import t from 'tap';
import { TimestampNormaliser } from '../../../../src/webrtc/worker/receive/timestamp-normaliser.js';

const RATE = 90_000;
const FRAME_MS = 40;

/** Sends frames: arrival and timestamp of each. @returns the difference of what is passed on to arrivals, ms */
function errorsOf(frames: Iterable<[at: number, timestamp: number]>, isAudio = false): number[] {
  const normaliser = new TimestampNormaliser(RATE, isAudio);
  const errors: number[] = [];
  let first: number | undefined;
  for (const [at, timestamp] of frames) {
    if (first === undefined) normaliser.restart(timestamp, timestamp, at);
    normaliser.advance(timestamp, at);
    const passed = normaliser.convert(timestamp);
    first ??= passed - at * 90;
    errors.push((((passed - first) | 0) - at * 90) / 90);
  }
  return errors;
}

function* frames(count: number, timestampOf: (ms: number) => number): Generator<[number, number]> {
  for (let i = 0; i < count; i++) yield [i * FRAME_MS, Math.round(timestampOf(i * FRAME_MS)) >>> 0];
}

t.test('correct timestamps pass unchanged over their wrap, with reordered pictures', async (t) => {
  const normaliser = new TimestampNormaliser(RATE, false);
  const start = 2 ** 32 - 90_000;
  normaliser.restart(start, start, 0);
  for (let i = 0; i < 1_000; i++) {
    const timestamp = (start + i * 3_600 + (i % 3 === 1 ? 7_200 : 0)) >>> 0;
    t.notOk(normaliser.advance(timestamp, i * FRAME_MS));
    t.equal(normaliser.convert(timestamp), timestamp);
    if (i > 0) t.equal(normaliser.convert((start + (i - 1) * 3_600) >>> 0), (start + (i - 1) * 3_600) >>> 0);
  }
});

t.test('a jump in either direction is taken out, also of late packets', async (t) => {
  for (const jump of [900_000_000, -900_000_000, 0x8000_0000]) {
    const errors = errorsOf(frames(500, (ms) => ms * 90 + (ms < 4_000 ? 0 : jump)));
    t.ok(Math.max(...errors.map(Math.abs)) < 1, `${Math.max(...errors)}`);
  }
  const normaliser = new TimestampNormaliser(RATE, false);
  normaliser.restart(0, 0, 0);
  normaliser.advance(3_600, 40);
  t.ok(normaliser.advance(900_000_000, 80));
  t.equal(normaliser.convert(900_000_000), 7_200);
  t.equal(normaliser.convert(0), 0, 'a packet from before the jump');
});

t.test('timestamps at another clock rate are converted', async (t) => {
  for (const rate of [45_000, 48_000, 1_000, 180_000]) {
    const errors = errorsOf(frames(1_000, (ms) => (ms * rate) / 1_000));
    const late = errors.slice(-500);
    t.ok(
      Math.max(...late) - Math.min(...late) <= FRAME_MS,
      `${rate}: ${Math.min(...late)} to ${Math.max(...late)}`,
    );
  }
});

t.test(
  'timestamps that stop in a pause continue with time, those of packets that are only late stay',
  async (t) => {
    const stopped: [number, number][] = [...frames(250, (ms) => ms * 90)].map(([at, timestamp]) =>
      at < 4_000 ? [at, timestamp] : [at + 20_000, timestamp],
    );
    const after = errorsOf(stopped).slice(-100);
    t.ok(Math.max(...after.map(Math.abs)) < 1, `${Math.max(...after)}`);
    t.ok(Math.min(...errorsOf(stopped, true).slice(-100)) < -19_000, 'the clock of audio handles that');
    const queued: [number, number][] = [...frames(500, (ms) => ms * 90)].map(([at, timestamp]) =>
      at >= 4_000 && at < 9_000 ? [9_000 + (at - 4_000) / 20, timestamp] : [at, timestamp],
    );
    t.equal(errorsOf(queued).at(-1), 0, 'a network that stood still');
  },
);

t.test('a network that gets slower for some seconds changes nothing', async (t) => {
  let at = 0;
  const slow: [number, number][] = [...frames(600, (ms) => ms * 90)].map(([sentAt, timestamp]) => {
    at = Math.max(sentAt, sentAt > 4_000 && sentAt < 8_000 ? at + 80 : at + 2);
    return [at, timestamp];
  });
  t.equal(errorsOf(slow).at(-1), errorsOf(slow)[50]);
});
