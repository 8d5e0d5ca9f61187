import t from 'tap';
import type { StreamChange } from '../../src/streams/index.js';
import { broadcastEvent } from '../../src/webhooks/index.js';

const change: StreamChange = {
  streamId: 's',
  broadcastId: 'b',
  from: 'starting',
  to: { name: 'live' },
  wasLive: false,
};
const ids = { streamId: 's', broadcastId: 'b' };

t.test('state changes of a broadcast that was live become events', async (t) => {
  t.same(broadcastEvent(change), ['broadcast.live', { ...ids, resumed: false }]);
  t.same(broadcastEvent({ ...change, wasLive: true }), ['broadcast.live', { ...ids, resumed: true }]);
  const until = Date.UTC(2026, 0, 1);
  t.same(broadcastEvent({ ...change, from: 'live', to: { name: 'reconnecting', until }, wasLive: true }), [
    'broadcast.reconnecting',
    { ...ids, until: '2026-01-01T00:00:00.000Z' },
  ]);
  for (const end of ['ended-by-owner', 'grace-expired', 'key-revoked', 'found-dead'] as const)
    t.same(broadcastEvent({ ...change, from: 'ending', to: { name: 'offline' }, wasLive: true, end }), [
      'broadcast.ended',
      { ...ids, reason: end },
    ]);
});

t.test('broadcasts never live, intermediate states and restarts yield no event', async (t) => {
  t.equal(broadcastEvent({ ...change, from: 'offline', to: { name: 'starting' } }), undefined);
  t.equal(broadcastEvent({ ...change, to: { name: 'ending', reason: 'grace-expired' } }), undefined);
  const gone: StreamChange = { ...change, from: 'ending', to: { name: 'offline' } };
  t.equal(broadcastEvent({ ...gone, end: 'never-started' }), undefined);
  t.equal(broadcastEvent({ ...gone, wasLive: true, end: 'shutdown' }), undefined);
});
