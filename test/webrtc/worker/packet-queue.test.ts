import t from 'tap';
import { PacketQueue } from '../../../src/webrtc/worker/packet-queue.js';
import { FakeClock } from '../../support/fake-clock.js';

/** A clock that handling a packet moves by itself. */
class BusyClock extends FakeClock {
  busyMs = 0;

  override monotonic(): number {
    return super.monotonic() + this.busyMs;
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

t.test('packets are handled later, in order, some at a time', async (t) => {
  const clock = new BusyClock();
  const failures: unknown[] = [];
  const queue = new PacketQueue({ clock, budgetMs: 5, receiverFailed: (error) => failures.push(error) });
  const got: number[] = [];
  const receiver = {
    receivePacket(packet: Buffer): void {
      got.push(packet[0]!);
      clock.busyMs += 2;
      if (packet[0] === 1) throw new Error('spoilt');
    },
  };
  for (let i = 0; i < 6; i++) queue.push(receiver, Buffer.from([i]));
  t.same(got, [], 'not inside the callback');
  await turn();
  t.ok(got.length < 6, 'others have their turn in between');
  for (let i = 0; i < 10; i++) await turn();
  t.same(got, [0, 1, 2, 3, 4, 5], 'one that fails does not stop the others');
  t.equal(failures.length, 1);
  t.equal(queue.dropped, 0);
});

t.test('what is too old, or too many, is dropped and counted', async (t) => {
  const clock = new FakeClock();
  const queue = new PacketQueue({ clock, capacity: 4, staleMs: 500, receiverFailed: () => {} });
  let got = 0;
  const receiver = { receivePacket: (): void => void got++ };
  for (let i = 0; i < 6; i++) queue.push(receiver, Buffer.alloc(1));
  t.equal(queue.dropped, 2);
  const old = clock.advance(501);
  await old;
  await turn();
  queue.push(receiver, Buffer.alloc(1));
  await turn();
  t.equal(got + queue.dropped, 7);
  t.ok(got >= 1);
});
