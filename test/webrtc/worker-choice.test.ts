import t from 'tap';
import { leastLoaded, nearOrIdle } from '../../src/webrtc/worker-choice.js';

const WORKER = { ready: true, draining: false, viewers: 0, publishers: 0 };

t.test('the least loaded worker is chosen, and a draining one only when there is no other', async (t) => {
  const busy = { ...WORKER, viewers: 30 };
  const publishing = { ...WORKER, publishers: 1 };
  const draining = { ...WORKER, draining: true };
  const dead = { ...WORKER, ready: false };
  t.equal(leastLoaded([busy, publishing, draining, dead]), publishing);
  t.equal(leastLoaded([draining, dead]), draining);
  t.equal(leastLoaded([dead]), undefined);
});

t.test('viewers go to the worker of their source until its load exceeds the limit', async (t) => {
  const sourceWorker = { ...WORKER, publishers: 1, viewers: 18 };
  const idle = { ...WORKER };
  t.equal(nearOrIdle(sourceWorker, idle, 20), sourceWorker);
  t.equal(nearOrIdle({ ...sourceWorker, viewers: 19 }, idle, 20), idle);
  t.equal(nearOrIdle({ ...sourceWorker, draining: true }, idle, 20), idle);
  t.equal(nearOrIdle({ ...sourceWorker, ready: false }, idle, 20), idle);
  t.equal(nearOrIdle(undefined, idle, 20), idle);
});
