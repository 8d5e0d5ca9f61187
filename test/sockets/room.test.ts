import t from 'tap';
import { type MessageBatch, OutgoingMessage } from '../../src/sockets/message-batch.js';
import { type Member, Room } from '../../src/sockets/room.js';
import { FakeClock } from '../support/fakes/fake-clock.js';

/** Records the numbers in each received batch. */
class Listener implements Member {
  readonly batches: number[][] = [];

  get received(): number[] {
    return this.batches.flat();
  }

  deliver({ messages }: MessageBatch): void {
    this.batches.push(messages.map(({ data }) => (JSON.parse(data) as { number: number }).number));
  }
}

function message(number: number, options: { droppable?: boolean; length?: number } = {}): OutgoingMessage {
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
  for (let number = 0; number < 5; number++) room.broadcast(message(number));
  t.strictSame(listeners[999]?.batches, [[0]]);
  await clock.advance(4);
  t.strictSame(listeners[999]?.batches, [[0]]);
  await clock.advance(1);
  t.strictSame(listeners[999]?.batches, [[0], [1, 2, 3, 4]]);
  room.broadcast(message(5));
  await clock.advance(5);
  t.strictSame(listeners[0]?.batches, [[0], [1, 2, 3, 4], [5]]);
  await clock.advance(1_000);
  room.broadcast(message(6));
  t.strictSame(listeners[0]?.batches.at(-1), [6], 'after a quiet time there is no delay');
  t.equal(clock.pending, 0);
});

/** Clock that also counts the time that deliveries take. */
class DeliveryClock extends FakeClock {
  spentMs = 0;

  override monotonic(): number {
    return super.monotonic() + this.spentMs;
  }
}

t.test(
  'a burst is batched for a quarter of the time that the delivery before has taken, 5 to 100 ms',
  async (t) => {
    for (const [deliveryMs, holdMs] of [
      [0, 5],
      [40, 10],
      [800, 100],
    ] as const) {
      const clock = new DeliveryClock();
      const { room, listeners } = filled(clock, 3);
      const slow = new Listener();
      room.enter({
        deliver(batch) {
          slow.deliver(batch);
          clock.spentMs += deliveryMs;
        },
      });
      room.broadcast(message(0));
      room.broadcast(message(1));
      await clock.advance(holdMs - 1);
      t.strictSame(listeners[0]?.received, [0], `${deliveryMs}`);
      await clock.advance(1);
      t.strictSame(slow.received, [0, 1], `${deliveryMs}`);
    }
  },
);

t.test('a member that enters or leaves within a burst gets the messages of its membership', async (t) => {
  const clock = new FakeClock();
  const { room, listeners } = filled(clock, 1);
  const [early, middle, late, gone] = [new Listener(), new Listener(), new Listener(), new Listener()];
  room.enter(early);
  room.enter(gone);
  room.broadcast(message(0));
  room.broadcast(message(1));
  room.enter(middle);
  room.broadcast(message(2));
  room.broadcast(message(3));
  room.enter(late);
  room.leave(gone);
  room.leave(early);
  room.enter(early);
  await clock.advance(100);
  t.strictSame(listeners[0]?.received, [0, 1, 2, 3]);
  t.strictSame(middle.received, [2, 3]);
  t.strictSame(late.received, []);
  t.strictSame(gone.received, [0]);
  t.strictSame(early.received, [0]);
  room.broadcast(message(4));
  for (const listener of [middle, late, early]) t.equal(listener.received.at(-1), 4);
  t.equal(gone.received.at(-1), 0);
});

t.test('a large room is served in slices, in order, between other work', async (t) => {
  const clock = new FakeClock();
  const { room, listeners } = filled(clock, 5_000);
  room.broadcast(message(0));
  t.strictSame([listeners[1_999]?.received, listeners[2_000]?.received], [[0], []]);
  const late = new Listener();
  room.enter(late);
  room.leave(listeners[4_999]!);
  room.broadcast(message(1));
  const slices = async (): Promise<void> => {
    for (let slice = 0; slice < 4; slice++) await new Promise((resolve) => setImmediate(resolve));
  };
  await slices();
  await clock.advance(200);
  await slices();
  const wrong = listeners.slice(0, 4_999).filter(({ received }) => received.join() !== '0,1').length;
  t.equal(wrong, 0);
  t.strictSame(listeners[4_999]?.received, []);
  t.strictSame(late.received, [1]);
});

t.test('a long burst is sent early and in several batches', async (t) => {
  const clock = new FakeClock();
  const { room, listeners } = filled(clock, 1);
  room.broadcast(message(0));
  for (let number = 1; number <= 20; number++) room.broadcast(message(number, { length: 10_000 }));
  t.ok((listeners[0]?.received.length ?? 0) >= 13, 'some messages are sent early');
  await clock.advance(10);
  t.strictSame(
    listeners[0]?.received,
    Array.from({ length: 21 }, (_, number) => number),
  );
  t.ok(listeners[0]?.batches.every((batch) => batch.length <= 7));
});

t.test('droppable messages are discarded while delivery takes long', async (t) => {
  const clock = new FakeClock();
  const { room, listeners } = filled(clock, 2_001);
  room.broadcast(message(0));
  for (let number = 1; number <= 100; number++)
    room.broadcast(message(number, { droppable: true, length: 10_000 }));
  room.broadcast(message(101));
  await clock.advance(200);
  for (let slice = 0; slice < 9; slice++) await new Promise((resolve) => setImmediate(resolve));
  const received = listeners[2_000]?.received ?? [];
  t.equal(received.at(-1), 101);
  t.ok(received.length > 20 && received.length < 32, `${received.length} of 102 received`);
});

t.test('an empty room queues nothing', async (t) => {
  const clock = new FakeClock();
  const { room, listeners } = filled(clock, 1);
  room.broadcast(message(0));
  room.broadcast(message(1));
  room.leave(listeners[0]!);
  t.equal(clock.pending, 0);
  room.broadcast(message(2));
  const next = new Listener();
  room.enter(next);
  await clock.advance(100);
  t.strictSame(next.received, []);
});
