import t from 'tap';
import {
  type BroadcastEvent,
  type BroadcastState,
  IDLE,
  isOnAir,
  nextBroadcast,
} from '../../../src/web/broadcast/broadcast-state.js';

const MIDDLE = 0.5;

class Broadcaster {
  now = 0;
  state: BroadcastState = IDLE;

  on(...events: BroadcastEvent[]): BroadcastState {
    for (const event of events) this.state = nextBroadcast(this.state, event, this.now, MIDDLE);
    return this.state;
  }

  refused(status: number, retryAfterS?: number): BroadcastState {
    const refusal = { status, message: `Status ${status}.`, ...(retryAfterS ? { retryAfterS } : {}) };
    return this.on({ type: 'failed', failure: { kind: 'refused', refusal } });
  }

  lost(): BroadcastState {
    return this.on({ type: 'failed', failure: { kind: 'lost' } });
  }

  /** Advances the clock to the next attempt. @returns the milliseconds until it */
  waits(): number {
    const delay = this.state.atMs - this.now;
    this.now = this.state.atMs - 1;
    if (this.on({ type: 'tick' }).name !== 'waiting') throw new Error('too early');
    this.now += 1;
    this.on({ type: 'tick' });
    return delay;
  }
}

t.test('a broadcast connects, is live and ends', async (t) => {
  const broadcaster = new Broadcaster();
  t.notOk(isOnAir(broadcaster.state));
  t.match(broadcaster.on({ type: 'begin' }), { name: 'connecting' });
  t.ok(isOnAir(broadcaster.state));
  t.match(broadcaster.on({ type: 'connected' }), { name: 'live', reconnects: 0 });
  t.match(broadcaster.on({ type: 'end' }), { name: 'ended' });
  t.notOk(isOnAir(broadcaster.state));
  t.match(broadcaster.on({ type: 'begin' }), { name: 'connecting', failureCount: 0 }, 'and may start again');
});

t.test('a lost connection is retried after a second, with back-off up to 15 s', async (t) => {
  const broadcaster = new Broadcaster();
  broadcaster.on({ type: 'begin' }, { type: 'connected' });
  const waits: number[] = [];
  for (let attempt = 0; attempt < 6; attempt += 1) {
    t.match(broadcaster.lost(), { name: 'waiting', reason: 'The connection was lost.' });
    waits.push(broadcaster.waits());
    t.equal(broadcaster.state.name, 'connecting');
  }
  t.same(waits, [1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  t.match(broadcaster.on({ type: 'connected' }), { name: 'live', reconnects: 1, reason: undefined });
  broadcaster.now += 5_000;
  broadcaster.lost();
  t.equal(broadcaster.waits(), 15_000, 'a short connection keeps the back-off');
  broadcaster.on({ type: 'connected' });
  broadcaster.now += 31_000;
  broadcaster.lost();
  t.equal(broadcaster.waits(), 1_000, 'a connection of 30 s resets the back-off');
});

t.test("final refusals end the broadcast with the server's message", async (t) => {
  for (const status of [400, 401, 403, 404, 405, 406, 409, 410, 413, 415]) {
    const broadcaster = new Broadcaster();
    broadcaster.on({ type: 'begin' });
    t.match(broadcaster.refused(status), { name: 'refused', reason: `Status ${status}.` });
    broadcaster.now += 1_000_000;
    t.equal(broadcaster.on({ type: 'tick' }).name, 'refused');
  }
  const broadcaster = new Broadcaster();
  broadcaster.on({ type: 'begin' });
  t.match(broadcaster.on({ type: 'failed', failure: { kind: 'impossible', detail: 'no codec' } }), {
    name: 'refused',
    reason: 'The browser could not do it: no codec',
  });
});

t.test('temporary failures are retried', async (t) => {
  for (const status of [0, 412, 422, 429, 500, 502, 503, 504]) {
    const broadcaster = new Broadcaster();
    broadcaster.on({ type: 'begin' });
    t.equal(broadcaster.refused(status).name, 'waiting', String(status));
  }
  const broadcaster = new Broadcaster();
  broadcaster.on({ type: 'begin' });
  broadcaster.on({ type: 'failed', failure: { kind: 'unreachable' } });
  t.match(broadcaster.state, { name: 'waiting', reason: /UDP may be blocked/ });
  broadcaster.waits();
  broadcaster.refused(429, 60);
  t.equal(broadcaster.waits(), 60_000, 'after the Retry-After of the server');
});

t.test(
  'a conflict with our own lost session is retried, a replacement by another publisher is final',
  async (t) => {
    const broadcaster = new Broadcaster();
    broadcaster.on({ type: 'begin' }, { type: 'connected' });
    broadcaster.lost();
    broadcaster.waits();
    t.equal(broadcaster.refused(409).name, 'waiting');
    broadcaster.waits();
    const refusal = { status: 409, code: 'publication_replaced' as const, message: 'Somebody else.' };
    t.match(broadcaster.on({ type: 'failed', failure: { kind: 'refused', refusal } }), {
      name: 'refused',
      reason: 'Somebody else.',
    });
  },
);

t.test('a network change retries at once, and a new kind of track reconnects at once', async (t) => {
  const broadcaster = new Broadcaster();
  broadcaster.on({ type: 'begin' }, { type: 'connected' });
  t.equal(broadcaster.on({ type: 'renew' }).name, 'connecting');
  for (let attempt = 0; attempt < 4; attempt += 1) {
    broadcaster.lost();
    broadcaster.waits();
  }
  broadcaster.lost();
  broadcaster.on({ type: 'network' });
  t.equal(broadcaster.on({ type: 'tick' }).name, 'connecting');
});

t.test('events that do not apply to a state leave it unchanged', async (t) => {
  const idle = IDLE;
  const ended = nextBroadcast({ ...IDLE, name: 'live' }, { type: 'end' }, 0, MIDDLE);
  for (const state of [idle, ended])
    for (const event of [
      { type: 'connected' },
      { type: 'failed', failure: { kind: 'lost' } },
      { type: 'tick' },
      { type: 'network' },
      { type: 'renew' },
      { type: 'end' },
    ] satisfies BroadcastEvent[])
      t.equal(nextBroadcast(state, event, 0, MIDDLE), state);
});
