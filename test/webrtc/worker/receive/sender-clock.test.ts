import t from 'tap';
import { seededRandom } from '../../../support/seeded-random.js';
import { SimulatedSender } from '../../../support/simulated-sender.js';

/** Without reports sound and picture are apart by what their making takes: 20 ms here. */
const BY_ARRIVAL_MS = 25;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A report that is wrong by so much, ms of media. */
function ahead(report: { time: number; timestamp: number }, ms: number, rate: number) {
  return { time: report.time, timestamp: (report.timestamp + (ms * rate) / 1000) >>> 0 };
}

const rateOf = (kind: 'video' | 'audio'): number => (kind === 'video' ? 90_000 : 48_000);

t.test('an honest sender is believed and exact, whatever the network does', async (t) => {
  const random = seededRandom(5);
  const networks: [string, (elapsed: number) => number][] = [
    ['even', () => 30],
    ['jitter', () => 30 + 80 * random()],
    ['a stall of three seconds', (elapsed) => (elapsed > 20_000 && elapsed < 23_000 ? 23_030 - elapsed : 30)],
    ['full buffers for half a minute', (elapsed) => (elapsed > 20_000 && elapsed < 50_000 ? 1500 : 30)],
    ['a slow beginning', (elapsed) => Math.max(30, 1500 - elapsed / 2)],
    ['a way that becomes longer', (elapsed) => (elapsed > 20_000 ? 300 : 30)],
  ];
  for (const [name, delay] of networks) {
    const sender = new SimulatedSender();
    sender.wall = -HOUR;
    sender.delay = delay;
    sender.lie = (report) => ({ ...report, time: report.time + 30 * (random() - 0.5) });
    sender.run(10_000);
    t.ok(sender.exact, name);
    sender.run(MINUTE);
    t.same(sender.beliefs, [], name);
    const apart = sender.run(20_000);
    t.ok(apart <= 15, `${name}: ${apart} ms apart`);
  }
});

t.test(
  'a delay that comes with the sound alone is told from a clock that stood still by the next report',
  async (t) => {
    const sender = new SimulatedSender();
    sender.delay = (elapsed, kind) => (kind === 'audio' && elapsed > 21_000 && elapsed < 45_000 ? 900 : 30);
    sender.run(20_000);
    sender.run(8_000);
    const apart = sender.run(30_000);
    t.ok(apart <= 5, `${apart} ms apart`);
    t.same(sender.beliefs, []);
  },
);

t.test('sound that stands still is in time again, at the latest with the next report', async (t) => {
  for (const ms of [150, 400, 3000, 30_000]) {
    const sender = new SimulatedSender();
    sender.run(21_000);
    sender.still = true;
    sender.run(ms);
    sender.still = false;
    sender.run(6_000);
    const apart = sender.run(20_000);
    t.ok(apart <= 25, `${ms}: ${apart} ms apart`);
    t.same(sender.beliefs, []);
  }
});

t.test('a report right after the sound stood still is believed, as the packets show it', async (t) => {
  const sender = new SimulatedSender();
  sender.run(19_400);
  sender.still = true;
  // The next report of the sound comes a tenth of a second after it goes on.
  sender.run(3_000);
  sender.still = false;
  sender.run(300);
  t.ok(Math.abs(sender.apart) < 25, `${sender.apart} ms apart`);
  const apart = sender.run(20_000);
  t.ok(apart < 25, `${apart} ms apart`);
  t.same(sender.beliefs, []);
});

t.test("setting the sender's clock is not to be seen", async (t) => {
  for (const ms of [-HOUR, -700, 80, 400, 5_000, HOUR]) {
    const sender = new SimulatedSender();
    sender.run(21_000);
    const { behind } = sender;
    sender.wall += ms;
    const apart = sender.run(2 * MINUTE);
    t.ok(apart <= 5, `${ms}: ${apart} ms apart`);
    t.ok(Math.abs(sender.behind - behind) <= 60, `${ms}: time goes on`);
    t.same(sender.beliefs, []);
  }
});

const lies: [string, SimulatedSender['lie']][] = [
  ['timestamps at twice the rate', (report, kind, elapsed) => ahead(report, elapsed, rateOf(kind))],
  ['timestamps at half the rate', (report, kind, elapsed) => ahead(report, -elapsed / 2, rateOf(kind))],
  ['times at twice the rate', (report, _kind, elapsed) => ({ ...report, time: report.time + elapsed })],
  ['times that are always zero', (report) => ({ ...report, time: -2_208_988_800_000 })],
  [
    'timestamps of the sound at 1.05 times the rate',
    (report, kind, elapsed) => (kind === 'audio' ? ahead(report, elapsed / 20, 48_000) : report),
  ],
  [
    'times of the sound by another clock',
    (report, kind) => (kind === 'audio' ? { ...report, time: report.time - HOUR } : report),
  ],
  [
    'timestamps of the sound from anywhere',
    (report, kind, elapsed) => (kind === 'audio' ? ahead(report, elapsed ** 2, 48_000) : report),
  ],
  [
    'a picture that is set two seconds off now and then',
    (report, kind, elapsed) =>
      kind === 'video' ? ahead(report, Math.floor(elapsed / 8000) * 2000, 90_000) : report,
  ],
];

for (const [name, lie] of lies)
  t.test(`${name}: arrival is believed, and reports when they are right again`, async (t) => {
    const sender = new SimulatedSender();
    sender.lie = lie;
    // Wrong from the beginning, the first report is taken for right.
    sender.run(30_000);
    t.same(sender.beliefs, [false], 'said once');
    t.notOk(sender.exact);
    const apart = sender.run(MINUTE);
    t.ok(apart <= BY_ARRIVAL_MS, `${apart} ms apart`);
    t.ok(Math.abs(sender.behind) < 100, `${sender.behind} ms behind`);
    t.same(sender.beliefs, [false], 'said once');
    sender.lie = (report) => report;
    sender.run(30_000);
    t.same(sender.beliefs, [false, true]);
    t.ok(sender.exact);
    t.ok(sender.run(20_000) <= 5);
  });

t.test('one that begins to lie moves nothing until it is not believed any more', async (t) => {
  for (const [name, lie] of lies) {
    const sender = new SimulatedSender();
    sender.run(31_000);
    const start = sender.elapsed;
    sender.lie = (report, kind, elapsed) => lie(report, kind, elapsed - start);
    const apart = sender.run(40_000);
    t.ok(apart <= 65, `${name}: ${apart} ms apart`);
    t.ok(Math.abs(sender.behind) < 100, `${name}: ${sender.behind} ms behind`);
    t.same(sender.beliefs, [false], name);
  }
});

t.test('a single wrong report is left aside', async (t) => {
  const sender = new SimulatedSender();
  let wrong = 0;
  sender.lie = (report, kind, elapsed) => {
    if (kind !== 'audio' || elapsed % 20_000 !== 12_500) return report;
    wrong++;
    return ahead(report, 4_000, 48_000);
  };
  const apart = sender.run(2 * MINUTE);
  t.ok(wrong > 4);
  t.ok(apart <= 25, `${apart} ms apart`);
  t.same(sender.beliefs, []);
});

t.test('who lies again and again is believed more and more rarely', async (t) => {
  const sender = new SimulatedSender();
  sender.lie = (report, kind, elapsed) =>
    elapsed % 40_000 < 20_000 ? ahead(report, elapsed, rateOf(kind)) : report;
  for (let minutes = 0; minutes < 10; minutes++) sender.run(MINUTE);
  t.ok(sender.beliefs.length <= 4, `${sender.beliefs.length} times`);
});

t.test('a clock that drifts away from ours is followed', async (t) => {
  const sender = new SimulatedSender();
  sender.lie = (report, _kind, elapsed) => ({ ...report, time: report.time + elapsed / 10_000 });
  const apart = sender.run(HOUR);
  t.ok(apart <= 25, `${apart} ms apart`);
  t.ok(Math.abs(sender.behind) < 120, `${sender.behind} ms behind`);
  t.same(sender.beliefs, []);
});

t.test('who begins with reports that cannot be is not believed from the beginning', async (t) => {
  const sender = new SimulatedSender();
  sender.lie = (report, kind) => ahead(report, 9_000, rateOf(kind));
  const apart = sender.run(30_000);
  t.ok(apart <= BY_ARRIVAL_MS, `${apart} ms apart`);
  t.ok(Math.abs(sender.behind) < 100, `${sender.behind} ms behind`);
});
