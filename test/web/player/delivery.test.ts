import t from 'tap';
import {
  type DeliveryEvent,
  type DeliveryFailureKind,
  type DeliveryState,
  deliveryNote,
  initialDelivery,
  nextDelivery,
} from '../../../src/web/player/delivery.js';

const MIDDLE = 0.5;
const KINDS: DeliveryFailureKind[] = [
  'unsupported',
  'refused',
  'unavailable',
  'unreachable',
  'no-media',
  'lost',
  'loss',
  'freezes',
];

/** Delivery state of one viewer with a clock of its own. */
class Viewer {
  now = 0;
  state: DeliveryState;

  constructor(choice: DeliveryState['choice'] = 'auto', supported = true) {
    this.state = initialDelivery(choice, supported);
  }

  on(event: DeliveryEvent): DeliveryState {
    this.state = nextDelivery(this.state, event, this.now, MIDDLE);
    return this.state;
  }

  fails(kind: DeliveryFailureKind, retryAfterS?: number): DeliveryState {
    return this.on({
      type: 'failed',
      failure: { kind, ...(retryAfterS === undefined ? {} : { retryAfterS }) },
    });
  }

  /** Ticks once a second. @returns the seconds until WebRTC was tried again, if it was */
  wait(seconds: number, mayUpgrade = true): number | undefined {
    for (let second = 1; second <= seconds; second += 1) {
      this.now += 1_000;
      const waited = this.state.webrtc === 'waiting';
      if (this.on({ type: 'tick', mayUpgrade }).webrtc === 'connecting' && waited) return second;
    }
    return undefined;
  }
}

t.test('a player starts with WebRTC unless the browser lacks it or HLS is chosen', async (t) => {
  t.match(initialDelivery('auto', true), { active: 'webrtc', webrtc: 'connecting' });
  t.match(initialDelivery('webrtc', true), { active: 'webrtc', webrtc: 'connecting' });
  t.match(initialDelivery('hls', true), { active: 'hls', webrtc: 'off' });
  for (const choice of ['auto', 'webrtc', 'hls'] as const)
    t.match(initialDelivery(choice, false), {
      active: 'hls',
      webrtc: 'off',
      lastFailure: { kind: 'unsupported' },
    });
});

t.test('HLS takes over at once after any failure of WebRTC, with a reason', async (t) => {
  for (const kind of KINDS) {
    const viewer = new Viewer();
    t.match(viewer.fails(kind), { active: 'hls', webrtc: 'waiting', lastFailure: { kind } }, kind);
    t.match(deliveryNote(viewer.state), /^Playing by HLS: [^.]+\.$/);
  }
});

t.test('WebRTC is retried after 8 seconds, with back-off up to five minutes', async (t) => {
  const viewer = new Viewer();
  const waits: (number | undefined)[] = [];
  for (let attempt = 0; attempt < 8; attempt += 1) {
    viewer.fails('unreachable');
    waits.push(viewer.wait(1_000));
    t.equal(viewer.state.active, 'hls', 'HLS plays meanwhile');
  }
  t.same(waits, [8, 16, 32, 64, 128, 256, 300, 300]);
  viewer.on({ type: 'receiving' });
  t.match(viewer.state, { active: 'webrtc', webrtc: 'receiving' });
  t.equal(deliveryNote(viewer.state), undefined, 'no note');
});

t.test('viewers who lose a server together retry at different times', async (t) => {
  const at = (random: number) =>
    nextDelivery(initialDelivery('auto', true), { type: 'failed', failure: { kind: 'lost' } }, 0, random)
      .atMs;
  t.same([at(0), at(0.5), at(1)].map(Math.round), [6_400, 8_000, 9_600]);
});

t.test('a connection resets the back-off only after a minute', async (t) => {
  const viewer = new Viewer();
  for (let attempt = 0; attempt < 3; attempt += 1) {
    viewer.fails('loss');
    viewer.wait(1_000);
  }
  viewer.on({ type: 'receiving' });
  viewer.wait(30);
  viewer.on({ type: 'poor', failure: { kind: 'freezes' } });
  t.equal(viewer.wait(1_000), 64, 'the fourth failure');
  viewer.on({ type: 'receiving' });
  viewer.wait(61);
  viewer.on({ type: 'poor', failure: { kind: 'freezes' } });
  t.equal(viewer.wait(1_000), 8, 'the first failure');
});

t.test('a lost connection that received for 20 seconds is reconnected before HLS takes over', async (t) => {
  const viewer = new Viewer();
  viewer.on({ type: 'receiving' });
  viewer.wait(20);
  t.match(viewer.fails('lost'), { active: 'webrtc', webrtc: 'connecting' });
  t.match(viewer.fails('unavailable'), { active: 'hls', webrtc: 'waiting' });

  const shortLived = new Viewer();
  shortLived.on({ type: 'receiving' });
  shortLived.wait(5);
  t.match(shortLived.fails('lost'), { active: 'hls', webrtc: 'waiting' }, 'after 5 seconds it is not');
});

t.test('a refusal delays the next attempt by a minute, Retry-After by its seconds', async (t) => {
  const refused = new Viewer();
  refused.fails('refused');
  t.equal(refused.wait(1_000), 60);
  const busy = new Viewer();
  busy.fails('unavailable', 30);
  t.equal(busy.wait(1_000), 30);
});

t.test('delivery does not change while `mayUpgrade` is false', async (t) => {
  const viewer = new Viewer();
  viewer.fails('unreachable');
  t.equal(viewer.wait(600, false), undefined);
  t.equal(viewer.wait(5, true), 1, 'then at the first tick');
});

t.test('a network change retries WebRTC at once and resets the back-off', async (t) => {
  const viewer = new Viewer();
  for (let attempt = 0; attempt < 5; attempt += 1) {
    viewer.fails('unreachable');
    viewer.wait(1_000);
  }
  viewer.fails('unreachable');
  viewer.on({ type: 'network' });
  t.equal(viewer.wait(10), 1);
  viewer.fails('unreachable');
  t.equal(viewer.wait(1_000), 8, 'the back-off starts anew');
});

t.test('a viewer who chose HLS keeps HLS until another choice', async (t) => {
  const viewer = new Viewer();
  viewer.on({ type: 'receiving' });
  t.match(viewer.on({ type: 'chose', choice: 'hls' }), { active: 'hls', webrtc: 'off' });
  t.equal(viewer.wait(1_000), undefined);
  t.equal(deliveryNote(viewer.state), undefined);
  t.match(
    viewer.on({ type: 'chose', choice: 'auto' }),
    { active: 'hls', webrtc: 'connecting' },
    'tried while HLS plays',
  );
  t.match(viewer.on({ type: 'receiving' }), { active: 'webrtc' });
});

t.test(
  'a viewer who chose WebRTC keeps it at poor quality and is reconnected within 30 seconds',
  async (t) => {
    const viewer = new Viewer('webrtc');
    viewer.on({ type: 'receiving' });
    for (const kind of ['loss', 'freezes'] as const)
      t.match(viewer.on({ type: 'poor', failure: { kind } }), { active: 'webrtc', webrtc: 'receiving' });
    const waits: (number | undefined)[] = [];
    for (let attempt = 0; attempt < 6; attempt += 1) {
      t.match(viewer.fails('unreachable'), { active: 'webrtc', webrtc: 'waiting' });
      t.match(deliveryNote(viewer.state), /^No WebRTC connection .* Trying again…$/);
      waits.push(viewer.wait(100, false));
    }
    t.same(waits, [2, 4, 8, 16, 30, 30]);
    t.match(viewer.on({ type: 'chose', choice: 'auto' }), { active: 'webrtc', webrtc: 'connecting' });
    t.match(viewer.fails('unreachable'), { active: 'hls' });
  },
);

t.test('a browser without WebRTC plays HLS whatever is chosen', async (t) => {
  const viewer = new Viewer('auto', false);
  t.match(viewer.on({ type: 'chose', choice: 'webrtc' }), { active: 'hls', webrtc: 'off' });
  t.equal(viewer.wait(1_000), undefined);
  t.equal(deliveryNote(viewer.state), 'Playing by HLS: this browser has no WebRTC.');
});

t.test("the note on a refusal contains the server's message", async (t) => {
  const state = new Viewer().on({
    type: 'failed',
    failure: { kind: 'refused', detail: 'There is no codec in common.' },
  });
  t.equal(deliveryNote(state), 'Playing by HLS: the server refused WebRTC (There is no codec in common).');
});

t.test('events that do not apply to a state leave it unchanged', async (t) => {
  const off = initialDelivery('hls', true);
  const waiting = new Viewer().fails('lost');
  for (const state of [off, waiting]) {
    t.equal(nextDelivery(state, { type: 'receiving' }, 5_000, MIDDLE), state);
    t.equal(nextDelivery(state, { type: 'failed', failure: { kind: 'lost' } }, 5_000, MIDDLE), state);
    t.equal(nextDelivery(state, { type: 'poor', failure: { kind: 'loss' } }, 5_000, MIDDLE), state);
    t.equal(nextDelivery(state, { type: 'chose', choice: state.choice }, 5_000, MIDDLE), state);
  }
  t.equal(nextDelivery(off, { type: 'network' }, 5_000, MIDDLE), off);
});
