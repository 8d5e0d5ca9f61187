import t from 'tap';
import { PacketQueue } from '../../../src/webrtc/worker/packet-queue.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';

/** Clock that packet handling advances. */
class BusyClock extends FakeClock {
  busyMs = 0;

  override monotonic(): number {
    return super.monotonic() + this.busyMs;
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

t.test('packets are handled outside the callback, in order, within the time budget', async (t) => {
  const clock = new BusyClock();
  const failures: unknown[] = [];
  const queue = new PacketQueue({ clock, budgetMs: 5, receiverFailed: (error) => failures.push(error) });
  const got: number[] = [];
  const receiver = {
    receivePacket(packet: Buffer): void {
      got.push(packet[0]!);
      clock.busyMs += 2;
      if (packet[0] === 1) throw new Error('bad packet');
    },
  };
  for (let i = 0; i < 6; i++) queue.push(receiver, Buffer.from([i]));
  t.same(got, [], 'not inside the callback');
  await nextTurn();
  t.ok(got.length < 6, 'other tasks run in between');
  for (let i = 0; i < 10; i++) await nextTurn();
  t.same(got, [0, 1, 2, 3, 4, 5], 'a failing packet does not stop the others');
  t.equal(failures.length, 1);
  t.equal(queue.dropped, 0);
});

t.test('packets above the age limit or the capacity are dropped and counted', async (t) => {
  const clock = new FakeClock();
  const queue = new PacketQueue({ clock, capacity: 4, staleMs: 500, receiverFailed: () => {} });
  let got = 0;
  const receiver = { receivePacket: (): void => void got++ };
  for (let i = 0; i < 6; i++) queue.push(receiver, Buffer.alloc(1));
  t.equal(queue.dropped, 2);
  const old = clock.advance(501);
  await old;
  await nextTurn();
  queue.push(receiver, Buffer.alloc(1));
  await nextTurn();
  t.equal(got + queue.dropped, 7);
  t.ok(got >= 1);
});
