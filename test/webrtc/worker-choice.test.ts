import t from 'tap';
import { leastLoaded, nearOrIdle } from '../../src/webrtc/worker-choice.js';

const WORKER = { ready: true, draining: false, viewers: 0, publishers: 0 };

t.test(
  'peers go to the worker with the least to do, and to one that is to be renewed only in need',
  async (t) => {
    const busy = { ...WORKER, viewers: 30 };
    const publishing = { ...WORKER, publishers: 1 };
    const draining = { ...WORKER, draining: true };
    const dead = { ...WORKER, ready: false };
    t.equal(leastLoaded([busy, publishing, draining, dead]), publishing);
    t.equal(leastLoaded([draining, dead]), draining);
    t.equal(leastLoaded([dead]), undefined);
  },
);

t.test('viewers stay where their feed is until that has much more to do than another', async (t) => {
  const home = { ...WORKER, publishers: 1, viewers: 18 };
  const idle = { ...WORKER };
  t.equal(nearOrIdle(home, idle, 20), home);
  t.equal(nearOrIdle({ ...home, viewers: 19 }, idle, 20), idle);
  t.equal(nearOrIdle({ ...home, draining: true }, idle, 20), idle);
  t.equal(nearOrIdle({ ...home, ready: false }, idle, 20), idle);
  t.equal(nearOrIdle(undefined, idle, 20), idle);
});
