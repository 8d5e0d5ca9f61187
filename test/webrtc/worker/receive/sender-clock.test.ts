import t from 'tap';
import { seededRandom } from '../../../support/seeded-random.js';
import { SimulatedSender } from '../../../support/simulated-sender.js';

/** Skew without reports: the difference of encoding delays, 20 ms here, and jitter. */
const BY_ARRIVAL_MS = 25;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Shifts the timestamp of a report by ms of media. */
function shifted(report: { time: number; timestamp: number }, ms: number, rate: number) {
  return { time: report.time, timestamp: (report.timestamp + (ms * rate) / 1000) >>> 0 };
}

const rateOf = (kind: 'video' | 'audio'): number => (kind === 'video' ? 90_000 : 48_000);

t.test('a correct sender is trusted and exact under network jitter, stalls and delays', async (t) => {
  const random = seededRandom(5);
  const networks: [string, (elapsed: number) => number][] = [
    ['even', () => 30],
    ['jitter', () => 30 + 80 * random()],
    ['a stall of three seconds', (elapsed) => (elapsed > 20_000 && elapsed < 23_000 ? 23_030 - elapsed : 30)],
    ['full buffers for half a minute', (elapsed) => (elapsed > 20_000 && elapsed < 50_000 ? 1500 : 30)],
    ['a slow start', (elapsed) => Math.max(30, 1500 - elapsed / 2)],
    ['a longer path', (elapsed) => (elapsed > 20_000 ? 300 : 30)],
  ];
  for (const [name, delay] of networks) {
    const sender = new SimulatedSender();
    sender.wall = -HOUR_MS;
    sender.delay = delay;
    sender.lie = (report) => ({ ...report, time: report.time + 30 * (random() - 0.5) });
    sender.run(10_000);
    t.ok(sender.exact, name);
    sender.run(MINUTE_MS);
    t.same(sender.beliefs, [], name);
    const skewMs = sender.run(20_000);
    t.ok(skewMs <= 15, `${name}: ${skewMs} ms apart`);
  }
});

t.test('a delay of audio only is distinguished from a stopped clock by the next report', async (t) => {
  const sender = new SimulatedSender();
  sender.delay = (elapsed, kind) => (kind === 'audio' && elapsed > 21_000 && elapsed < 45_000 ? 900 : 30);
  sender.run(20_000);
  sender.run(8_000);
  const skewMs = sender.run(30_000);
  t.ok(skewMs <= 5, `${skewMs} ms apart`);
  t.same(sender.beliefs, []);
});

t.test('audio after a stopped clock is aligned again by the next report', async (t) => {
  for (const ms of [150, 400, 3000, 30_000]) {
    const sender = new SimulatedSender();
    sender.run(21_000);
    sender.still = true;
    sender.run(ms);
    sender.still = false;
    sender.run(6_000);
    const skewMs = sender.run(20_000);
    t.ok(skewMs <= 25, `${ms}: ${skewMs} ms apart`);
    t.same(sender.beliefs, []);
  }
});

t.test('a report right after a clock stop is accepted, as packet arrivals confirm it', async (t) => {
  const sender = new SimulatedSender();
  sender.run(19_400);
  sender.still = true;
  // The next audio report arrives 0.1 s after the clock continues.
  sender.run(3_000);
  sender.still = false;
  sender.run(300);
  t.ok(Math.abs(sender.apart) < 25, `${sender.apart} ms apart`);
  const skewMs = sender.run(20_000);
  t.ok(skewMs < 25, `${skewMs} ms apart`);
  t.same(sender.beliefs, []);
});

t.test("a step of the sender's clock moves no stream", async (t) => {
  for (const ms of [-HOUR_MS, -700, 80, 400, 5_000, HOUR_MS]) {
    const sender = new SimulatedSender();
    sender.run(21_000);
    const { behind } = sender;
    sender.wall += ms;
    const skewMs = sender.run(2 * MINUTE_MS);
    t.ok(skewMs <= 5, `${ms}: ${skewMs} ms apart`);
    t.ok(Math.abs(sender.behind - behind) <= 60, `${ms}: delay is unchanged`);
    t.same(sender.beliefs, []);
  }
});

const distortions: [string, SimulatedSender['lie']][] = [
  ['timestamps at twice the rate', (report, kind, elapsed) => shifted(report, elapsed, rateOf(kind))],
  ['timestamps at half the rate', (report, kind, elapsed) => shifted(report, -elapsed / 2, rateOf(kind))],
  ['times at twice the rate', (report, _kind, elapsed) => ({ ...report, time: report.time + elapsed })],
  ['times that are always zero', (report) => ({ ...report, time: -2_208_988_800_000 })],
  [
    'audio timestamps at 1.05 times the rate',
    (report, kind, elapsed) => (kind === 'audio' ? shifted(report, elapsed / 20, 48_000) : report),
  ],
  [
    'audio times by another clock',
    (report, kind) => (kind === 'audio' ? { ...report, time: report.time - HOUR_MS } : report),
  ],
  [
    'random audio timestamps',
    (report, kind, elapsed) => (kind === 'audio' ? shifted(report, elapsed ** 2, 48_000) : report),
  ],
  [
    'video timestamps that jump by two seconds',
    (report, kind, elapsed) =>
      kind === 'video' ? shifted(report, Math.floor(elapsed / 8000) * 2000, 90_000) : report,
  ],
];

for (const [name, lie] of distortions)
  t.test(`${name}: arrival is used, and reports when they are correct again`, async (t) => {
    const sender = new SimulatedSender();
    sender.lie = lie;
    // The first report is taken as correct.
    sender.run(30_000);
    t.same(sender.beliefs, [false], 'notified once');
    t.notOk(sender.exact);
    const skewMs = sender.run(MINUTE_MS);
    t.ok(skewMs <= BY_ARRIVAL_MS, `${skewMs} ms apart`);
    t.ok(Math.abs(sender.behind) < 100, `${sender.behind} ms behind`);
    t.same(sender.beliefs, [false], 'notified once');
    sender.lie = (report) => report;
    sender.run(30_000);
    t.same(sender.beliefs, [false, true]);
    t.ok(sender.exact);
    t.ok(sender.run(20_000) <= 5);
  });

t.test('reports that become wrong move nothing until they are distrusted', async (t) => {
  for (const [name, lie] of distortions) {
    const sender = new SimulatedSender();
    sender.run(31_000);
    const start = sender.elapsed;
    sender.lie = (report, kind, elapsed) => lie(report, kind, elapsed - start);
    const skewMs = sender.run(40_000);
    t.ok(skewMs <= 65, `${name}: ${skewMs} ms apart`);
    t.ok(Math.abs(sender.behind) < 100, `${name}: ${sender.behind} ms behind`);
    t.same(sender.beliefs, [false], name);
  }
});

t.test('a single wrong report is ignored', async (t) => {
  const sender = new SimulatedSender();
  let wrong = 0;
  sender.lie = (report, kind, elapsed) => {
    if (kind !== 'audio' || elapsed % 20_000 !== 12_500) return report;
    wrong++;
    return shifted(report, 4_000, 48_000);
  };
  const skewMs = sender.run(2 * MINUTE_MS);
  t.ok(wrong > 4);
  t.ok(skewMs <= 25, `${skewMs} ms apart`);
  t.same(sender.beliefs, []);
});

t.test('a sender that is wrong repeatedly is trusted more and more rarely', async (t) => {
  const sender = new SimulatedSender();
  sender.lie = (report, kind, elapsed) =>
    elapsed % 40_000 < 20_000 ? shifted(report, elapsed, rateOf(kind)) : report;
  for (let minutes = 0; minutes < 10; minutes++) sender.run(MINUTE_MS);
  t.ok(sender.beliefs.length <= 4, `${sender.beliefs.length} times`);
});

t.test('a drifting sender clock is followed', async (t) => {
  const sender = new SimulatedSender();
  sender.lie = (report, _kind, elapsed) => ({ ...report, time: report.time + elapsed / 10_000 });
  const skewMs = sender.run(HOUR_MS);
  t.ok(skewMs <= 25, `${skewMs} ms apart`);
  t.ok(Math.abs(sender.behind) < 120, `${sender.behind} ms behind`);
  t.same(sender.beliefs, []);
});

t.test('a sender whose first reports are implausible is not trusted', async (t) => {
  const sender = new SimulatedSender();
  sender.lie = (report, kind) => shifted(report, 9_000, rateOf(kind));
  const skewMs = sender.run(30_000);
  t.ok(skewMs <= BY_ARRIVAL_MS, `${skewMs} ms apart`);
  t.ok(Math.abs(sender.behind) < 100, `${sender.behind} ms behind`);
});
