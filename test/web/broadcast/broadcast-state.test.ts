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

  refused(status: number, retryAfter?: number): BroadcastState {
    const refusal = { status, message: `Status ${status}.`, ...(retryAfter ? { retryAfter } : {}) };
    return this.on({ type: 'failed', failure: { kind: 'refused', refusal } });
  }

  lost(): BroadcastState {
    return this.on({ type: 'failed', failure: { kind: 'lost' } });
  }

  /** @returns the milliseconds until the next attempt */
  waits(): number {
    const delay = this.state.at - this.now;
    this.now = this.state.at - 1;
    if (this.on({ type: 'tick' }).name !== 'waiting') throw new Error('too early');
    this.now += 1;
    this.on({ type: 'tick' });
    return delay;
  }
}

t.test('a broadcast begins, is live, and ends', async (t) => {
  const broadcaster = new Broadcaster();
  t.notOk(isOnAir(broadcaster.state));
  t.match(broadcaster.on({ type: 'begin' }), { name: 'connecting' });
  t.ok(isOnAir(broadcaster.state));
  t.match(broadcaster.on({ type: 'connected' }), { name: 'live', reconnects: 0 });
  t.match(broadcaster.on({ type: 'end' }), { name: 'ended' });
  t.notOk(isOnAir(broadcaster.state));
  t.match(broadcaster.on({ type: 'begin' }), { name: 'connecting', failures: 0 }, 'and may begin anew');
});

t.test('a lost connection is made anew after a second, then after ever longer, up to 15 s', async (t) => {
  const broadcaster = new Broadcaster();
  broadcaster.on({ type: 'begin' }, { type: 'connected' });
  const waits: number[] = [];
  for (let attempt = 0; attempt < 6; attempt += 1) {
    t.match(broadcaster.lost(), { name: 'waiting', why: 'The connection was lost.' });
    waits.push(broadcaster.waits());
    t.equal(broadcaster.state.name, 'connecting');
  }
  t.same(waits, [1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  t.match(broadcaster.on({ type: 'connected' }), { name: 'live', reconnects: 1, why: undefined });
  broadcaster.now += 5_000;
  broadcaster.lost();
  t.equal(broadcaster.waits(), 15_000, 'two who take over from each other do so slowly');
  broadcaster.on({ type: 'connected' });
  broadcaster.now += 31_000;
  broadcaster.lost();
  t.equal(broadcaster.waits(), 1_000, 'what held is trusted again');
});

t.test('what will be refused again is given up, in the words of the server', async (t) => {
  for (const status of [400, 401, 403, 404, 405, 406, 409, 410, 413, 415]) {
    const broadcaster = new Broadcaster();
    broadcaster.on({ type: 'begin' });
    t.match(broadcaster.refused(status), { name: 'refused', why: `Status ${status}.` });
    broadcaster.now += 1_000_000;
    t.equal(broadcaster.on({ type: 'tick' }).name, 'refused');
  }
  const broadcaster = new Broadcaster();
  broadcaster.on({ type: 'begin' });
  t.match(broadcaster.on({ type: 'failed', failure: { kind: 'impossible', detail: 'no codec' } }), {
    name: 'refused',
    why: 'The browser could not do it: no codec',
  });
});

t.test('what may pass is tried again', async (t) => {
  for (const status of [0, 412, 422, 429, 500, 502, 503, 504]) {
    const broadcaster = new Broadcaster();
    broadcaster.on({ type: 'begin' });
    t.equal(broadcaster.refused(status).name, 'waiting', String(status));
  }
  const broadcaster = new Broadcaster();
  broadcaster.on({ type: 'begin' });
  broadcaster.on({ type: 'failed', failure: { kind: 'unreachable' } });
  t.match(broadcaster.state, { name: 'waiting', why: /UDP may be blocked/ });
  broadcaster.waits();
  broadcaster.refused(429, 60);
  t.equal(broadcaster.waits(), 60_000, 'after the time the server asks for');
});

t.test(
  'a conflict with ourselves passes; who was replaced by somebody else does not fight back',
  async (t) => {
    const broadcaster = new Broadcaster();
    broadcaster.on({ type: 'begin' }, { type: 'connected' });
    broadcaster.lost();
    broadcaster.waits();
    t.equal(broadcaster.refused(409).name, 'waiting');
    broadcaster.waits();
    const refusal = { status: 409, code: 'publication_replaced', message: 'Somebody else.' };
    t.match(broadcaster.on({ type: 'failed', failure: { kind: 'refused', refusal } }), {
      name: 'refused',
      why: 'Somebody else.',
    });
  },
);

t.test('another network is tried at once, and another kind of media needs no waiting', async (t) => {
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

t.test('events out of their time change nothing', async (t) => {
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
