import t from 'tap';
import { offsetOf, ServerClock } from '../../../src/web/api/server-clock.js';

const HOUR_MS = 3_600_000;

t.test(
  'the reading with the shortest round trip gives the offset, halfway between request and answer',
  async (t) => {
    const readings = [
      { sentAtMs: 1_000, receivedAtMs: 1_400, serverMs: 50_300 },
      { sentAtMs: 2_000, receivedAtMs: 2_020, serverMs: 51_015 },
      { sentAtMs: 3_000, receivedAtMs: 3_100, serverMs: 52_090 },
    ];
    t.strictSame(offsetOf(readings), { offsetMs: 51_015 - 2_010, errorMs: 10 });
  },
);

t.test('readings without a time, or with an answer before its request, are ignored', async (t) => {
  t.equal(offsetOf([]), undefined);
  t.equal(offsetOf([{ sentAtMs: 0, receivedAtMs: 10, serverMs: Number.NaN }]), undefined);
  t.equal(offsetOf([{ sentAtMs: 10, receivedAtMs: 0, serverMs: 5 }]), undefined);
});

t.test('a clock that is wrong by an hour shows the time of the server', async (t) => {
  const serverTimeMs = () => Date.now() + HOUR_MS;
  const clock = new ServerClock(async () => serverTimeMs());
  t.ok(Math.abs(clock.now() - Date.now()) < 1_000, 'that of this browser, while nothing is known');
  t.equal(clock.measuredNow(), undefined, 'it is not measured');
  clock.noteDate(new Date(serverTimeMs()).toUTCString());
  t.ok(Math.abs(clock.now() - serverTimeMs()) <= 1_000, 'by the Date header, to the second');
  await clock.measure();
  t.ok(Math.abs((clock.measuredNow() ?? 0) - serverTimeMs()) < 100, 'measured');
  clock.noteDate('Thu, 01 Jan 1970 00:00:00 GMT');
  t.ok(Math.abs(clock.now() - serverTimeMs()) < 100, 'headers do not replace a measurement');
});

t.test('a server that does not answer leaves the measurement before', async (t) => {
  let answers = true;
  const clock = new ServerClock(async () => {
    if (!answers) throw new Error('no answer');
    return Date.now() + HOUR_MS;
  });
  await clock.measure();
  answers = false;
  await clock.measure();
  t.ok(Math.abs((clock.measuredNow() ?? 0) - Date.now() - HOUR_MS) < 100);
});
