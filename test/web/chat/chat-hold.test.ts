import t from 'tap';
import { ChatHold } from '../../../src/web/chat/chat-hold.js';

/** Hold of a player whose position and server the test sets. */
function setUp(playbackTimeMs: number | undefined, serverTimeMs = 100_000) {
  const now = { playbackTimeMs, serverTimeMs };
  const hold = new ChatHold<string>({
    playbackTimeMs: () => now.playbackTimeMs,
    serverTimeMs: () => now.serverTimeMs,
  });
  return { hold, now };
}

t.test('a message about frames to come is held until playback reaches them', async (t) => {
  const { hold, now } = setUp(96_000);
  t.equal(hold.add('goal', 99_000), false, 'the author is ahead');
  t.equal(hold.add('nice pass', 95_000), true, 'the author is behind');
  t.strictSame(hold.takeDue(), []);
  now.playbackTimeMs = 98_900;
  t.strictSame(hold.takeDue(), []);
  now.playbackTimeMs = 99_000;
  t.strictSame(hold.takeDue(), ['goal']);
  t.ok(hold.isEmpty);
});

t.test('a stalled player holds on, and one that jumps to the live edge releases all, in order', async (t) => {
  const { hold, now } = setUp(96_000);
  for (const [item, mediaTimeMs] of [
    ['a', 98_000],
    ['b', 97_000],
    ['c', 99_500],
  ] as const)
    t.notOk(hold.add(item, mediaTimeMs));
  now.serverTimeMs += 5_000;
  t.strictSame(hold.takeDue(), [], 'playback stands still');
  now.playbackTimeMs = 104_000;
  t.strictSame(hold.takeDue(), ['a', 'b', 'c']);
});

t.test(
  'twenty seconds after its media time a message is shown, however far behind playback is',
  async (t) => {
    const { hold, now } = setUp(10_000);
    t.ok(hold.add('old', 79_000), 'from before');
    t.notOk(hold.add('new', 99_000));
    now.serverTimeMs = 118_900;
    t.strictSame(hold.takeDue(), []);
    now.serverTimeMs = 119_000;
    t.strictSame(hold.takeDue(), ['new']);
  },
);

t.test(
  'nothing is held while playback has no media time, and all recent ones until it is known',
  async (t) => {
    const { hold, now } = setUp(undefined);
    t.ok(hold.add('live', 99_999));
    now.playbackTimeMs = Number.NEGATIVE_INFINITY;
    t.notOk(hold.add('recent', 99_999));
    t.ok(hold.add('history', 50_000));
    t.ok(hold.add('no date', Number.NaN));
    now.playbackTimeMs = 99_999;
    t.strictSame(hold.takeDue(), ['recent']);
  },
);

t.test('removed items are not released, and above 5,000 the oldest are released early', async (t) => {
  const { hold } = setUp(0);
  for (let count = 0; count < 5_002; count++) hold.add(String(count), 99_000);
  hold.remove((item) => item === '5001');
  t.strictSame(hold.takeDue(), ['0']);
});
