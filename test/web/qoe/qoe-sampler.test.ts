import t from 'tap';
import { type PlayerReading, QoeSampler } from '../../../src/web/qoe/qoe-sampler.js';

function stats(over: Partial<PlayerReading>): PlayerReading {
  const playing = { phase: 'playing', delivery: 'hls' as const, latencyS: undefined };
  return { ...playing, levelSwitches: 0, stalls: 0, stalledMs: 0, ...over };
}

const NOTHING = { playedMs: 0, rebuffers: 0, rebufferMs: 0, switches: 0, failures: 0 };

t.test('startup, time played, stalls and latency are reported once each', async (t) => {
  const sampler = new QoeSampler(1_000);
  sampler.read(undefined, 1_100);
  sampler.read(stats({ phase: 'loading', levelSwitches: 1, stalls: 1, stalledMs: 80 }), 1_200);
  t.same(sampler.take(), [], 'nothing to report before the first picture');
  sampler.read(stats({ levelSwitches: 1, stalls: 1, stalledMs: 80, latencyS: 1.5 }), 1_640);
  sampler.read(stats({ levelSwitches: 2, stalls: 2, stalledMs: 330, latencyS: 2 }), 2_640);
  t.same(sampler.take(), [
    {
      ...{ delivery: 'hls', ...NOTHING, startupMs: 640, playedMs: 1_000 },
      rebuffers: 1,
      rebufferMs: 250,
      switches: 1,
      latencyMs: 1_750,
    },
  ]);
  sampler.read(stats({ levelSwitches: 2, stalls: 2, stalledMs: 330 }), 3_640);
  t.same(sampler.take(), [{ delivery: 'hls', ...NOTHING, playedMs: 1_000 }]);
  t.same(sampler.take(), []);
});

t.test(
  'a fall is reported for WebRTC, with its reason, and the counters of the next player from 0',
  async (t) => {
    const sampler = new QoeSampler(0);
    sampler.read(stats({ delivery: 'webrtc', fallbacks: 0, stalls: 5 }), 500);
    sampler.read(stats({ delivery: 'webrtc', fallbacks: 0, stalls: 5 }), 1_500);
    sampler.read(stats({ phase: 'loading', fallbacks: 1, fallback: 'lost: gone', stalls: 1 }), 2_500);
    sampler.read(stats({ fallbacks: 1, fallback: 'lost: gone', stalls: 2 }), 3_500);
    sampler.read(stats({ fallbacks: 1, fallback: 'lost: gone', stalls: 2 }), 4_500);
    t.same(sampler.take(), [
      { delivery: 'webrtc', ...NOTHING, playedMs: 1_000, startupMs: 500, fall: 'lost' },
      { delivery: 'hls', ...NOTHING, playedMs: 1_000, rebuffers: 1 },
    ]);
  },
);

t.test('a player is waited for until the broadcast begins, and a frozen page plays nothing', async (t) => {
  const sampler = new QoeSampler(0);
  sampler.read(undefined, 3_600_000);
  sampler.read(stats({ phase: 'loading' }), 3_600_100);
  sampler.read(stats({}), 3_600_700);
  sampler.read(stats({}), 7_200_000);
  sampler.read(stats({ phase: 'broken' }), 7_201_000);
  sampler.read(stats({ phase: 'broken' }), 7_202_000);
  t.same(sampler.take(), [{ delivery: 'hls', ...NOTHING, startupMs: 600, failures: 1 }]);
});

t.test('a viewer who had no picture after an error failed to join, once', async (t) => {
  const sampler = new QoeSampler(0);
  sampler.read(stats({ phase: 'loading' }), 100);
  sampler.read(stats({ phase: 'broken' }), 200);
  const failed = { delivery: 'hls', ...NOTHING };
  t.same(sampler.take(), [{ ...failed, failures: 1, neverPlayed: true }]);
  sampler.read(stats({ phase: 'loading' }), 300);
  sampler.read(stats({ phase: 'broken' }), 400);
  t.same(sampler.take(), [{ ...failed, failures: 1 }]);

  const recovered = new QoeSampler(0);
  recovered.read(stats({ phase: 'broken' }), 100);
  recovered.read(stats({}), 200);
  t.same(recovered.take(), [{ ...failed, failures: 1, startupMs: 200 }]);
});
