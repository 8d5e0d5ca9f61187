import t from 'tap';
import type { WebSocketClient } from '../support/clients/websocket-client.js';
import { startSocketsFixture } from '../support/fixtures/sockets-fixture.js';
import { eventually } from '../support/until.js';

const KILOBYTE = 'x'.repeat(1_000);
/** Exceeds what the operating system buffers for a socket at both ends: the rest is buffered in the process. */
const SOCKET_BUFFER_BYTES = 20 * 1024 * 1024;

t.test(
  'a slow client gets no droppable messages, and is disconnected when that is not sufficient',
  async (t) => {
    const { hub, member, clock } = await startSocketsFixture(t);
    const [reading, stalled] = [await member(), await member()];
    stalled.stall();
    const numbers = (client: WebSocketClient, event: string): unknown[] =>
      client.received.filter((message) => message.event === event).map(({ data }) => data.number);
    let number = 0;
    const broadcast = async (event: string, droppable: boolean): Promise<void> => {
      const data = { number: number++, text: KILOBYTE.repeat(50) };
      hub.broadcast('room', event, data, { droppable });
      await clock.advance(10);
    };
    for (let sent = 0; sent < SOCKET_BUFFER_BYTES; sent += 50_000) await broadcast('noise', true);
    const noise = number;
    await eventually(() => numbers(reading, 'noise').length === noise);
    t.equal(hub.size('room'), 2, 'droppable messages cause no disconnect');
    await broadcast('speech', false);
    await broadcast('noise', true);
    stalled.resume();
    await stalled.next('speech');
    const received = numbers(stalled, 'noise');
    t.ok(received.length > 0 && received.length < noise / 2 + 100, `${received.length} of ${noise} received`);
    t.strictSame(
      received.slice(0, 5),
      Array.from({ length: 5 }, (_, index) => index),
      'in order, from the start',
    );

    stalled.stall();
    let sent = 0;
    for (; sent * 50_000 < 2 * SOCKET_BUFFER_BYTES && hub.size('room') === 2; sent++)
      await broadcast('speech', false);
    t.equal(hub.size('room'), 1);
    await eventually(() => numbers(reading, 'speech').length === sent + 1);
    reading.send('who', {}, 1);
    await reading.next('ok');
  },
);

t.test('a client that sends requests or pings and never reads is disconnected', async (t) => {
  const { hub, member, clock } = await startSocketsFixture(t);
  const requesting = await member();
  requesting.stall();
  const text = KILOBYTE.repeat(16);
  for (let asked = 0; asked < 3_000 && hub.size('room') === 1; asked++) {
    requesting.send('echo', { text }, asked);
    await clock.advance(50);
  }
  await eventually(() => hub.size('room') === 0);

  const pinging = await member();
  pinging.stall();
  const payload = Buffer.alloc(125);
  for (let rounds = 0; rounds < 400 && hub.size('room') === 1; rounds++) {
    for (let count = 0; count < 1_000; count++) pinging.ping(payload);
    await clock.advance(1_000);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  t.equal(hub.size('room'), 0);
});
