import t from 'tap';
import { assessHealth, type Health, type InboundSample } from '../../../src/web/webrtc/webrtc-health.js';

/** Increments of one second: 250 video packets, 50 audio packets, 30 frames. */
const SECOND: Omit<InboundSample, 'atMs'> = {
  packetsReceived: 300,
  packetsLost: 0,
  videoPacketsReceived: 250,
  framesDecoded: 30,
  freezes: 0,
  freezeMs: 0,
  retransmitted: 0,
  roundTripMs: 20,
};

/** Assesses the health after each second; each adds `SECOND` with changes. */
function healthAfter(seconds: Partial<InboundSample>[]): Health[] {
  const samples: InboundSample[] = [];
  let total: InboundSample = {
    atMs: 0,
    ...Object.fromEntries(Object.keys(SECOND).map((name) => [name, 0])),
  } as InboundSample;
  return seconds.map((change) => {
    const added = { ...SECOND, ...change };
    total = {
      atMs: total.atMs + 1_000,
      packetsReceived: total.packetsReceived + added.packetsReceived,
      packetsLost: total.packetsLost + added.packetsLost,
      videoPacketsReceived: total.videoPacketsReceived + added.videoPacketsReceived,
      framesDecoded: total.framesDecoded + added.framesDecoded,
      freezes: total.freezes + added.freezes,
      freezeMs: total.freezeMs + added.freezeMs,
      retransmitted: total.retransmitted + added.retransmitted,
      roundTripMs: added.roundTripMs,
    };
    samples.push(total);
    return assessHealth(samples);
  });
}

const times = (count: number, change: Partial<InboundSample> = {}): Partial<InboundSample>[] =>
  Array.from({ length: count }, () => change);
const NOTHING = { packetsReceived: 0, videoPacketsReceived: 0, framesDecoded: 0 };

t.test('a connection with little loss and rare freezes is good', async (t) => {
  t.same([...new Set(healthAfter(times(60)))], ['good']);
  t.same([...new Set(healthAfter(times(60, { packetsLost: 15 })))], ['good'], '5 % lost');
  t.same([...new Set(healthAfter([...times(20), { freezes: 1, freezeMs: 900 }, ...times(20)]))], ['good']);
  t.equal(assessHealth([]), 'good');
});

t.test('heavy loss is reported once there are enough packets', async (t) => {
  const health = healthAfter([...times(10), ...times(20, { packetsReceived: 200, packetsLost: 60 })]);
  t.equal(health.at(-1), 'loss');
  t.ok(health.indexOf('loss') >= 12, 'not from the first packets');
  t.equal(healthAfter(times(10, { packetsReceived: 5, packetsLost: 5 })).at(-1), 'good', 'too few packets');
});

t.test('video packets without a decoded frame for four seconds are a freeze', async (t) => {
  const health = healthAfter([...times(10), ...times(6, { framesDecoded: 0 })]);
  t.same(health.slice(10), ['good', 'good', 'good', 'freezes', 'freezes', 'freezes']);
});

t.test('several short freezes on an impaired network are poor quality', async (t) => {
  const frozen = { freezes: 1, freezeMs: 800 };
  for (const impairment of [{ packetsLost: 1 }, { retransmitted: 1 }, { roundTripMs: 300 }]) {
    const health = healthAfter([...times(10), ...times(4, { ...frozen, ...impairment }), ...times(20)]);
    t.equal(health[13], 'freezes', Object.keys(impairment).join());
    t.equal(health.at(-1), 'good', 'until the window has passed');
  }
});

t.test('freezes on an unimpaired network are tolerated for longer', async (t) => {
  const frozen = { freezes: 1, freezeMs: 800 };
  t.same([...new Set(healthAfter([...times(10), ...times(7, frozen), ...times(20)]))], ['good']);
  t.equal(healthAfter([...times(10), ...times(8, frozen)]).at(-1), 'freezes', 'more than the limit is poor');
});

t.test('a pause of the sender is not a freeze, although browsers count it as one', async (t) => {
  const pause = { videoPacketsReceived: 0, packetsReceived: 0, framesDecoded: 0 };
  const reported = { freezes: 1, freezeMs: 4_300, packetsLost: 1 };
  t.same([...new Set(healthAfter([...times(10), ...times(4, pause), reported, ...times(12)]))], ['good']);
  t.same([...new Set(healthAfter([...times(10), ...times(4, pause), {}, reported, ...times(12)]))], ['good']);
  t.equal(
    healthAfter([...times(10), ...times(4), reported]).at(-1),
    'freezes',
    'with packets it is a freeze',
  );
  const stutters = [{ freezes: 1, freezeMs: 2_400 }, { freezes: 1, freezeMs: 700 }, ...times(12)];
  const before = [...times(10), ...times(3, pause), reported];
  t.same(
    [...new Set(healthAfter([...before, {}, ...stutters]))],
    ['good'],
    'nor freezes while its encoder restarts',
  );
  t.equal(
    healthAfter([...before, ...times(4), ...stutters]).at(-12),
    'freezes',
    'after that time it is a freeze',
  );
  const resumed = { framesDecoded: 0 };
  t.notOk(
    healthAfter([...times(10), ...times(5, pause), resumed]).includes('freezes'),
    'packets arrive before frames',
  );
});

t.test('audio without video is not a freeze', async (t) => {
  const audioOnly = { packetsReceived: 50, videoPacketsReceived: 0, framesDecoded: 0 };
  t.same([...new Set(healthAfter(times(30, audioOnly)))], ['good']);
});

t.test('missing packets are `silent` after the whole window, not loss or freezes', async (t) => {
  const health = healthAfter([...times(10), ...times(12, NOTHING)]);
  t.notOk(health.includes('freezes') || health.includes('loss'));
  t.equal(health.slice(0, 17).includes('silent'), false);
  t.equal(health.at(-1), 'silent');
});
