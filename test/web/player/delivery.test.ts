import t from 'tap';
import {
  type DeliveryEvent,
  type DeliveryState,
  deliveryNote,
  firstDelivery,
  nextDelivery,
  type TroubleKind,
} from '../../../src/web/player/delivery.js';

const MIDDLE = 0.5;
const KINDS: TroubleKind[] = [
  'unsupported',
  'refused',
  'unavailable',
  'unreachable',
  'no-media',
  'lost',
  'loss',
  'freezes',
];

/** A viewer with a clock of their own. */
class Viewer {
  now = 0;
  state: DeliveryState;

  constructor(choice: DeliveryState['choice'] = 'auto', possible = true) {
    this.state = firstDelivery(choice, possible);
  }

  on(event: DeliveryEvent): DeliveryState {
    this.state = nextDelivery(this.state, event, this.now, MIDDLE);
    return this.state;
  }

  fails(kind: TroubleKind, retryAfter?: number): DeliveryState {
    return this.on({
      type: 'failed',
      trouble: { kind, ...(retryAfter === undefined ? {} : { retryAfter }) },
    });
  }

  /** Lets time go by in ticks of a second. @returns the seconds until WebRTC was dialled, if it was */
  wait(seconds: number, mayClimb = true): number | undefined {
    for (let second = 1; second <= seconds; second += 1) {
      this.now += 1_000;
      const waited = this.state.webrtc === 'waiting';
      if (this.on({ type: 'tick', mayClimb }).webrtc === 'dialing' && waited) return second;
    }
    return undefined;
  }
}

t.test('WebRTC goes first, where there is such a thing and it is wanted', async (t) => {
  t.match(firstDelivery('auto', true), { plays: 'webrtc', webrtc: 'dialing' });
  t.match(firstDelivery('webrtc', true), { plays: 'webrtc', webrtc: 'dialing' });
  t.match(firstDelivery('hls', true), { plays: 'hls', webrtc: 'off' });
  for (const choice of ['auto', 'webrtc', 'hls'] as const)
    t.match(firstDelivery(choice, false), { plays: 'hls', webrtc: 'off', fallback: { kind: 'unsupported' } });
});

t.test('whatever goes wrong, HLS plays at once and says why', async (t) => {
  for (const kind of KINDS) {
    const viewer = new Viewer();
    t.match(viewer.fails(kind), { plays: 'hls', webrtc: 'waiting', fallback: { kind } }, kind);
    t.match(deliveryNote(viewer.state), /^Playing by HLS: [^.]+\.$/);
  }
});

t.test('it climbs again after 8 seconds, then after ever longer, up to five minutes', async (t) => {
  const viewer = new Viewer();
  const waits: (number | undefined)[] = [];
  for (let attempt = 0; attempt < 8; attempt += 1) {
    viewer.fails('unreachable');
    waits.push(viewer.wait(1_000));
    t.equal(viewer.state.plays, 'hls', 'HLS plays meanwhile');
  }
  t.same(waits, [8, 16, 32, 64, 128, 256, 300, 300]);
  viewer.on({ type: 'flowing' });
  t.match(viewer.state, { plays: 'webrtc', webrtc: 'flowing' });
  t.equal(deliveryNote(viewer.state), undefined, 'nothing to explain any more');
});

t.test('viewers who lost a server at the same moment come back at different ones', async (t) => {
  const at = (random: number) =>
    nextDelivery(firstDelivery('auto', true), { type: 'failed', trouble: { kind: 'lost' } }, 0, random).at;
  t.same([at(0), at(0.5), at(1)].map(Math.round), [6_400, 8_000, 9_600]);
});

t.test('only a connection that held for a minute makes failures forgotten', async (t) => {
  const viewer = new Viewer();
  for (let attempt = 0; attempt < 3; attempt += 1) {
    viewer.fails('loss');
    viewer.wait(1_000);
  }
  viewer.on({ type: 'flowing' });
  viewer.wait(30);
  viewer.on({ type: 'poor', trouble: { kind: 'freezes' } });
  t.equal(viewer.wait(1_000), 64, 'the fourth time');
  viewer.on({ type: 'flowing' });
  viewer.wait(61);
  viewer.on({ type: 'poor', trouble: { kind: 'freezes' } });
  t.equal(viewer.wait(1_000), 8, 'the first time');
});

t.test('a good connection that is lost is dialled again before HLS is taken', async (t) => {
  const viewer = new Viewer();
  viewer.on({ type: 'flowing' });
  viewer.wait(20);
  t.match(viewer.fails('lost'), { plays: 'webrtc', webrtc: 'dialing' });
  t.match(viewer.fails('unavailable'), { plays: 'hls', webrtc: 'waiting' });

  const unlucky = new Viewer();
  unlucky.on({ type: 'flowing' });
  unlucky.wait(5);
  t.match(unlucky.fails('lost'), { plays: 'hls', webrtc: 'waiting' }, 'not one that hardly stood');
});

t.test('a server that refuses or asks for time is left alone for so long', async (t) => {
  const refused = new Viewer();
  refused.fails('refused');
  t.equal(refused.wait(1_000), 60);
  const busy = new Viewer();
  busy.fails('unavailable', 30);
  t.equal(busy.wait(1_000), 30);
});

t.test('nobody is moved at a bad moment', async (t) => {
  const viewer = new Viewer();
  viewer.fails('unreachable');
  t.equal(viewer.wait(600, false), undefined);
  t.equal(viewer.wait(5, true), 1, 'but as soon as it suits');
});

t.test('another network is tried at once', async (t) => {
  const viewer = new Viewer();
  for (let attempt = 0; attempt < 5; attempt += 1) {
    viewer.fails('unreachable');
    viewer.wait(1_000);
  }
  viewer.fails('unreachable');
  viewer.on({ type: 'network' });
  t.equal(viewer.wait(10), 1);
  viewer.fails('unreachable');
  t.equal(viewer.wait(1_000), 8, 'what went before was the old network');
});

t.test('who chose HLS has it and is not asked again', async (t) => {
  const viewer = new Viewer();
  viewer.on({ type: 'flowing' });
  t.match(viewer.on({ type: 'chose', choice: 'hls' }), { plays: 'hls', webrtc: 'off' });
  t.equal(viewer.wait(1_000), undefined);
  t.equal(deliveryNote(viewer.state), undefined);
  t.match(viewer.on({ type: 'chose', choice: 'auto' }), { plays: 'hls', webrtc: 'dialing' }, 'tried beside');
  t.match(viewer.on({ type: 'flowing' }), { plays: 'webrtc' });
});

t.test('who chose WebRTC keeps it while it is poor, and gets it again soon', async (t) => {
  const viewer = new Viewer('webrtc');
  viewer.on({ type: 'flowing' });
  for (const kind of ['loss', 'freezes'] as const)
    t.match(viewer.on({ type: 'poor', trouble: { kind } }), { plays: 'webrtc', webrtc: 'flowing' });
  const waits: (number | undefined)[] = [];
  for (let attempt = 0; attempt < 6; attempt += 1) {
    t.match(viewer.fails('unreachable'), { plays: 'webrtc', webrtc: 'waiting' });
    t.match(deliveryNote(viewer.state), /^No WebRTC connection .* Trying again…$/);
    waits.push(viewer.wait(100, false));
  }
  t.same(waits, [2, 4, 8, 16, 30, 30]);
  t.match(viewer.on({ type: 'chose', choice: 'auto' }), { plays: 'webrtc', webrtc: 'dialing' });
  t.match(viewer.fails('unreachable'), { plays: 'hls' });
});

t.test('a browser without WebRTC cannot be talked into it', async (t) => {
  const viewer = new Viewer('auto', false);
  t.match(viewer.on({ type: 'chose', choice: 'webrtc' }), { plays: 'hls', webrtc: 'off' });
  t.equal(viewer.wait(1_000), undefined);
  t.equal(deliveryNote(viewer.state), 'Playing by HLS: this browser has no WebRTC.');
});

t.test('the words of the server are passed on', async (t) => {
  const state = new Viewer().on({
    type: 'failed',
    trouble: { kind: 'refused', detail: 'There is no codec in common.' },
  });
  t.equal(deliveryNote(state), 'Playing by HLS: the server refused WebRTC (There is no codec in common).');
});

t.test('events out of their time change nothing', async (t) => {
  const off = firstDelivery('hls', true);
  const waiting = new Viewer().fails('lost');
  for (const state of [off, waiting]) {
    t.equal(nextDelivery(state, { type: 'flowing' }, 5_000, MIDDLE), state);
    t.equal(nextDelivery(state, { type: 'failed', trouble: { kind: 'lost' } }, 5_000, MIDDLE), state);
    t.equal(nextDelivery(state, { type: 'poor', trouble: { kind: 'loss' } }, 5_000, MIDDLE), state);
    t.equal(nextDelivery(state, { type: 'chose', choice: state.choice }, 5_000, MIDDLE), state);
  }
  t.equal(nextDelivery(off, { type: 'network' }, 5_000, MIDDLE), off);
});
