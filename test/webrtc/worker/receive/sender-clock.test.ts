import t from 'tap';
import { SimulatedSender } from '../../../support/media/rtp/simulated-sender.js';
import { seededRandom } from '../../../support/media/seeded-random.js';

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
  const networks: [string, (elapsedMs: number) => number][] = [
    ['even', () => 30],
    ['jitter', () => 30 + 80 * random()],
    [
      'a stall of three seconds',
      (elapsedMs) => (elapsedMs > 20_000 && elapsedMs < 23_000 ? 23_030 - elapsedMs : 30),
    ],
    ['full buffers for half a minute', (elapsedMs) => (elapsedMs > 20_000 && elapsedMs < 50_000 ? 1500 : 30)],
    ['a slow start', (elapsedMs) => Math.max(30, 1500 - elapsedMs / 2)],
    ['a longer path', (elapsedMs) => (elapsedMs > 20_000 ? 300 : 30)],
  ];
  for (const [name, networkDelayMs] of networks) {
    const sender = new SimulatedSender();
    sender.clockOffsetMs = -HOUR_MS;
    sender.networkDelayMs = networkDelayMs;
    sender.distortReport = (report) => ({ ...report, time: report.time + 30 * (random() - 0.5) });
    sender.run(10_000);
    t.ok(sender.exact, name);
    sender.run(MINUTE_MS);
    t.same(sender.trustChanges, [], name);
    const skewMs = sender.run(20_000);
    t.ok(skewMs <= 15, `${name}: ${skewMs} ms apart`);
  }
});

t.test('a delay of audio only is distinguished from a stopped clock by the next report', async (t) => {
  const sender = new SimulatedSender();
  sender.networkDelayMs = (elapsedMs, kind) =>
    kind === 'audio' && elapsedMs > 21_000 && elapsedMs < 45_000 ? 900 : 30;
  sender.run(20_000);
  sender.run(8_000);
  const skewMs = sender.run(30_000);
  t.ok(skewMs <= 5, `${skewMs} ms apart`);
  t.same(sender.trustChanges, []);
});

t.test('audio after a stopped clock is aligned again by the next report', async (t) => {
  for (const ms of [150, 400, 3000, 30_000]) {
    const sender = new SimulatedSender();
    sender.run(21_000);
    sender.audioStopped = true;
    sender.run(ms);
    sender.audioStopped = false;
    sender.run(6_000);
    const skewMs = sender.run(20_000);
    t.ok(skewMs <= 25, `${ms}: ${skewMs} ms apart`);
    t.same(sender.trustChanges, []);
  }
});

t.test('audio that was delayed for a moment is aligned when it has caught up, before a report', async (t) => {
  const sender = new SimulatedSender();
  sender.networkDelayMs = (elapsedMs, kind) =>
    kind === 'audio' && elapsedMs > 23_000 && elapsedMs < 24_500 ? 500 : 30;
  sender.run(24_500);
  t.ok(sender.skewMs > 400, `assumed to have stopped: ${sender.skewMs} ms apart`);
  sender.run(600);
  t.ok(Math.abs(sender.skewMs) <= 25, `${sender.skewMs} ms apart`);
  const skewMs = sender.run(20_000);
  t.ok(skewMs <= 25, `${skewMs} ms apart`);
  t.same(sender.trustChanges, []);
});

t.test('audio that is late after a clock stop is aligned by the next report, and video stays', async (t) => {
  const sender = new SimulatedSender();
  sender.networkDelayMs = (elapsedMs, kind) =>
    kind === 'audio' && elapsedMs > 28_000 && elapsedMs < 45_000 ? 430 : 30;
  sender.run(21_000);
  const { delayMs } = sender;
  sender.audioStopped = true;
  sender.run(8_000);
  sender.audioStopped = false;
  sender.run(5_000);
  const skewMs = sender.run(40_000);
  t.ok(skewMs <= 25, `${skewMs} ms apart`);
  t.ok(Math.abs(sender.delayMs - delayMs) <= 25, `video moved by ${sender.delayMs - delayMs} ms`);
  t.same(sender.trustChanges, []);
});

t.test('a report right after a clock stop is accepted, as packet arrivals confirm it', async (t) => {
  const sender = new SimulatedSender();
  sender.run(19_400);
  sender.audioStopped = true;
  // The next audio report arrives 0.1 s after the clock continues.
  sender.run(3_000);
  sender.audioStopped = false;
  sender.run(300);
  t.ok(Math.abs(sender.skewMs) < 25, `${sender.skewMs} ms apart`);
  const skewMs = sender.run(20_000);
  t.ok(skewMs < 25, `${skewMs} ms apart`);
  t.same(sender.trustChanges, []);
});

t.test("a step of the sender's clock moves no stream", async (t) => {
  for (const ms of [-HOUR_MS, -700, 80, 400, 5_000, HOUR_MS]) {
    const sender = new SimulatedSender();
    sender.run(21_000);
    const { delayMs } = sender;
    sender.clockOffsetMs += ms;
    const skewMs = sender.run(2 * MINUTE_MS);
    t.ok(skewMs <= 5, `${ms}: ${skewMs} ms apart`);
    t.ok(Math.abs(sender.delayMs - delayMs) <= 60, `${ms}: delay is unchanged`);
    t.same(sender.trustChanges, []);
  }
});

const distortions: [string, SimulatedSender['distortReport']][] = [
  ['timestamps at twice the rate', (report, kind, elapsedMs) => shifted(report, elapsedMs, rateOf(kind))],
  ['timestamps at half the rate', (report, kind, elapsedMs) => shifted(report, -elapsedMs / 2, rateOf(kind))],
  ['times at twice the rate', (report, _kind, elapsedMs) => ({ ...report, time: report.time + elapsedMs })],
  ['times that are always zero', (report) => ({ ...report, time: -2_208_988_800_000 })],
  [
    'audio timestamps at 1.05 times the rate',
    (report, kind, elapsedMs) => (kind === 'audio' ? shifted(report, elapsedMs / 20, 48_000) : report),
  ],
  [
    'audio times by another clock',
    (report, kind) => (kind === 'audio' ? { ...report, time: report.time - HOUR_MS } : report),
  ],
  [
    'random audio timestamps',
    (report, kind, elapsedMs) => (kind === 'audio' ? shifted(report, elapsedMs ** 2, 48_000) : report),
  ],
  [
    'video timestamps that jump by two seconds',
    (report, kind, elapsedMs) =>
      kind === 'video' ? shifted(report, Math.floor(elapsedMs / 8000) * 2000, 90_000) : report,
  ],
];

for (const [name, distortReport] of distortions)
  t.test(`${name}: arrival is used, and reports when they are correct again`, async (t) => {
    const sender = new SimulatedSender();
    sender.distortReport = distortReport;
    // The first report is taken as correct.
    sender.run(30_000);
    t.same(sender.trustChanges, [false], 'notified once');
    t.notOk(sender.exact);
    const skewMs = sender.run(MINUTE_MS);
    t.ok(skewMs <= BY_ARRIVAL_MS, `${skewMs} ms apart`);
    t.ok(Math.abs(sender.delayMs) < 100, `${sender.delayMs} ms behind`);
    t.same(sender.trustChanges, [false], 'notified once');
    sender.distortReport = (report) => report;
    sender.run(30_000);
    t.same(sender.trustChanges, [false, true]);
    t.ok(sender.exact);
    t.ok(sender.run(20_000) <= 5);
  });

t.test('reports that become wrong move nothing until they are distrusted', async (t) => {
  for (const [name, distortReport] of distortions) {
    const sender = new SimulatedSender();
    sender.run(31_000);
    const start = sender.elapsedMs;
    sender.distortReport = (report, kind, elapsedMs) => distortReport(report, kind, elapsedMs - start);
    const skewMs = sender.run(40_000);
    t.ok(skewMs <= 65, `${name}: ${skewMs} ms apart`);
    t.ok(Math.abs(sender.delayMs) < 100, `${name}: ${sender.delayMs} ms behind`);
    t.same(sender.trustChanges, [false], name);
  }
});

t.test('a single wrong report is ignored', async (t) => {
  const sender = new SimulatedSender();
  let wrong = 0;
  sender.distortReport = (report, kind, elapsedMs) => {
    if (kind !== 'audio' || elapsedMs % 20_000 !== 12_500) return report;
    wrong++;
    return shifted(report, 4_000, 48_000);
  };
  const skewMs = sender.run(2 * MINUTE_MS);
  t.ok(wrong > 4);
  t.ok(skewMs <= 25, `${skewMs} ms apart`);
  t.same(sender.trustChanges, []);
});

t.test('a sender that is wrong repeatedly is trusted more and more rarely', async (t) => {
  const sender = new SimulatedSender();
  sender.distortReport = (report, kind, elapsedMs) =>
    elapsedMs % 40_000 < 20_000 ? shifted(report, elapsedMs, rateOf(kind)) : report;
  for (let minutes = 0; minutes < 10; minutes++) sender.run(MINUTE_MS);
  t.ok(sender.trustChanges.length <= 4, `${sender.trustChanges.length} times`);
});

t.test('a drifting sender clock is followed', async (t) => {
  const sender = new SimulatedSender();
  sender.distortReport = (report, _kind, elapsedMs) => ({
    ...report,
    time: report.time + elapsedMs / 10_000,
  });
  const skewMs = sender.run(HOUR_MS);
  t.ok(skewMs <= 25, `${skewMs} ms apart`);
  t.ok(Math.abs(sender.delayMs) < 120, `${sender.delayMs} ms behind`);
  t.same(sender.trustChanges, []);
});

t.test('a sender whose first reports are implausible is not trusted', async (t) => {
  const sender = new SimulatedSender();
  sender.distortReport = (report, kind) => shifted(report, 9_000, rateOf(kind));
  const skewMs = sender.run(30_000);
  t.ok(skewMs <= BY_ARRIVAL_MS, `${skewMs} ms apart`);
  t.ok(Math.abs(sender.delayMs) < 100, `${sender.delayMs} ms behind`);
});
