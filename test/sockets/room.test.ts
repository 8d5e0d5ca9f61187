import t from 'tap';
import { type MessageBatch, OutgoingMessage } from '../../src/sockets/message-batch.js';
import { type Member, Room } from '../../src/sockets/room.js';
import { FakeClock } from '../support/fakes/fake-clock.js';

/** Records the numbers in each received batch. */
class Listener implements Member {
  readonly bulletins: number[][] = [];

  get heard(): number[] {
    return this.bulletins.flat();
  }

  deliver({ messages }: MessageBatch): void {
    this.bulletins.push(messages.map(({ data }) => (JSON.parse(data) as { number: number }).number));
  }
}

function news(number: number, options: { droppable?: boolean; length?: number } = {}): OutgoingMessage {
  const text = 'x'.repeat(options.length ?? 0);
  return new OutgoingMessage('news', { number, text }, options.droppable ?? false);
}

function filled(clock: FakeClock, size: number): { room: Room; listeners: Listener[] } {
  const room = new Room(clock);
  const listeners = Array.from({ length: size }, () => new Listener());
  for (const listener of listeners) room.enter(listener);
  return { room, listeners };
}

t.test('the first message is sent at once, and a burst in one batch, in order', async (t) => {
  const clock = new FakeClock();
  const { room, listeners } = filled(clock, 1_000);
  for (let number = 0; number < 5; number++) room.broadcast(news(number));
  t.strictSame(listeners[999]?.bulletins, [[0]]);
  await clock.advance(49);
  t.strictSame(listeners[999]?.bulletins, [[0]]);
  await clock.advance(1);
  t.strictSame(listeners[999]?.bulletins, [[0], [1, 2, 3, 4]]);
  room.broadcast(news(5));
  await clock.advance(50);
  t.strictSame(listeners[0]?.bulletins, [[0], [1, 2, 3, 4], [5]]);
  await clock.advance(1_000);
  room.broadcast(news(6));
  t.strictSame(listeners[0]?.bulletins.at(-1), [6], 'after a quiet time there is no delay');
  t.equal(clock.pending, 0);
});

t.test('a burst is batched for 10 to 100 ms, by the size of the room', async (t) => {
  for (const [size, hold] of [
    [1, 10],
    [1_200, 60],
    [9_000, 100],
  ] as const) {
    const clock = new FakeClock();
    const { room, listeners } = filled(clock, size);
    room.broadcast(news(0));
    for (let slice = 0; slice < 10; slice++) await new Promise((resolve) => setImmediate(resolve));
    room.broadcast(news(1));
    await clock.advance(hold - 1);
    t.strictSame(listeners[0]?.heard, [0], `${size}`);
    await clock.advance(1);
    t.strictSame(listeners[0]?.heard, [0, 1], `${size}`);
  }
});

t.test('a member that enters or leaves within a burst gets the messages of its membership', async (t) => {
  const clock = new FakeClock();
  const { room, listeners } = filled(clock, 1);
  const [early, middle, late, gone] = [new Listener(), new Listener(), new Listener(), new Listener()];
  room.enter(early);
  room.enter(gone);
  room.broadcast(news(0));
  room.broadcast(news(1));
  room.enter(middle);
  room.broadcast(news(2));
  room.broadcast(news(3));
  room.enter(late);
  room.leave(gone);
  room.leave(early);
  room.enter(early);
  await clock.advance(100);
  t.strictSame(listeners[0]?.heard, [0, 1, 2, 3]);
  t.strictSame(middle.heard, [2, 3]);
  t.strictSame(late.heard, []);
  t.strictSame(gone.heard, [0]);
  t.strictSame(early.heard, [0]);
  room.broadcast(news(4));
  for (const listener of [middle, late, early]) t.equal(listener.heard.at(-1), 4);
  t.equal(gone.heard.at(-1), 0);
});

t.test('a large room is served in slices, in order, between other work', async (t) => {
  const clock = new FakeClock();
  const { room, listeners } = filled(clock, 5_000);
  room.broadcast(news(0));
  t.strictSame([listeners[1_999]?.heard, listeners[2_000]?.heard], [[0], []]);
  const newcomer = new Listener();
  room.enter(newcomer);
  room.leave(listeners[4_999]!);
  room.broadcast(news(1));
  await clock.advance(200);
  for (let slice = 0; slice < 4; slice++) await new Promise((resolve) => setImmediate(resolve));
  const wrong = listeners.slice(0, 4_999).filter(({ heard }) => heard.join() !== '0,1').length;
  t.equal(wrong, 0);
  t.strictSame(listeners[4_999]?.heard, []);
  t.strictSame(newcomer.heard, [1]);
});

t.test('a long burst is sent early and in several batches', async (t) => {
  const clock = new FakeClock();
  const { room, listeners } = filled(clock, 1);
  room.broadcast(news(0));
  for (let number = 1; number <= 20; number++) room.broadcast(news(number, { length: 10_000 }));
  t.ok((listeners[0]?.heard.length ?? 0) >= 13, 'some messages are sent early');
  await clock.advance(10);
  t.strictSame(
    listeners[0]?.heard,
    Array.from({ length: 21 }, (_, number) => number),
  );
  t.ok(listeners[0]?.bulletins.every((bulletin) => bulletin.length <= 7));
});

t.test('droppable messages are discarded while delivery takes long', async (t) => {
  const clock = new FakeClock();
  const { room, listeners } = filled(clock, 2_001);
  room.broadcast(news(0));
  for (let number = 1; number <= 100; number++)
    room.broadcast(news(number, { droppable: true, length: 10_000 }));
  room.broadcast(news(101));
  await clock.advance(200);
  for (let slice = 0; slice < 9; slice++) await new Promise((resolve) => setImmediate(resolve));
  const heard = listeners[2_000]?.heard ?? [];
  t.equal(heard.at(-1), 101);
  t.ok(heard.length > 20 && heard.length < 32, `${heard.length} of 102 received`);
});

t.test('an empty room queues nothing', async (t) => {
  const clock = new FakeClock();
  const { room, listeners } = filled(clock, 1);
  room.broadcast(news(0));
  room.broadcast(news(1));
  room.leave(listeners[0]!);
  t.equal(clock.pending, 0);
  room.broadcast(news(2));
  const next = new Listener();
  room.enter(next);
  await clock.advance(100);
  t.strictSame(next.heard, []);
});
