import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import t, { type Test } from 'tap';
import type { WorkerContext } from '../../../src/webrtc/worker/context.js';
import { Feed } from '../../../src/webrtc/worker/feed.js';
import { MatroskaOutput } from '../../../src/webrtc/worker/matroska-output.js';
import { av1Film, av1Payloads, temporalUnits } from '../../support/av1-rtp.js';
import { FakeClock } from '../../support/fake-clock.js';
import { rtpPacket } from '../../support/synthetic-rtp.js';

const film = av1Film(t, { pictures: 1 }).then(temporalUnits);
const PICTURE_MS = 40;

/** A feed in this process, and an output of it. */
class Bench {
  readonly clock = new FakeClock();
  readonly feed: Feed;
  readonly output: MatroskaOutput;
  closed = 0;
  written = 0;
  readonly #path: string;
  #sequence = 0;

  constructor(t: Test) {
    const { clock } = this;
    const shape = { video: { codec: 'av1', rids: [''] }, audio: false } as const;
    this.feed = new Feed({ id: 'feed', shape, clock, requestKeyframe: () => {} });
    const context = { clock, log: () => {} } as unknown as WorkerContext;
    // Not the test's own folder: paths of sockets must be short.
    const folder = mkdtempSync(path.join(os.tmpdir(), 'headend-test-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    this.#path = path.join(folder, '0-1.sock');
    const options = { path: this.#path, zero: clock.now() - 10_000, audio: false };
    this.output = new MatroskaOutput(context, this.feed, options, () => this.closed++);
    t.teardown(() => {
      this.output.close();
      this.feed.end();
    });
  }

  /** A keyframe with so many bytes behind it, which nobody looks at. */
  async picture(bytes = 0): Promise<void> {
    const [layer] = this.feed.layers;
    const unit = ((await film)[0] ?? []).map((obu) =>
      obu.type === 6 ? { ...obu, payload: Buffer.concat([obu.payload, Buffer.alloc(bytes)]) } : obu,
    );
    const timestamp = (this.clock.now() % 1e6) * 90;
    const payloads = av1Payloads(unit, { mtu: 1400, counted: true });
    payloads.forEach((payload, i) => {
      const sequence = this.#sequence++;
      layer?.arrived(timestamp);
      const packet = rtpPacket({ payloadType: 1, ssrc: 1, sequence, timestamp, payload });
      layer?.write(packet, sequence, timestamp, i === payloads.length - 1, -1, this.clock.monotonic());
      this.written += payload.length;
    });
    await this.clock.advance(PICTURE_MS);
  }

  async isClosed(): Promise<void> {
    while (this.closed === 0) await new Promise((resolve) => setImmediate(resolve));
  }

  async read(t: Test): Promise<Socket> {
    await this.output.start();
    const socket = connect(this.#path);
    t.teardown(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  }
}

t.test('a reader that takes nothing costs no more than what may wait', async (t) => {
  const bench = new Bench(t);
  const socket = await bench.read(t);
  for (let i = 0; i < 100; i++) await bench.picture(500_000);
  t.ok(bench.written > 50e6, `${bench.written} bytes came`);
  let taken = 0;
  socket.on('data', ({ length }) => (taken += length));
  bench.output.close();
  await once(socket, 'close');
  // The system keeps some of it, too.
  t.ok(taken > 4e6 && taken < 25e6, `${taken} bytes went on`);
  await bench.isClosed();
});

t.test('nobody comes: it does not wait for ever', async (t) => {
  const bench = new Bench(t);
  await bench.output.start();
  await bench.clock.advance(14_000);
  t.equal(bench.closed, 0);
  await bench.clock.advance(2_000);
  t.equal(bench.closed, 1);
  bench.output.close();
  t.equal(bench.closed, 1);
});

t.test('a feed that has ended is waited for by nobody after a while', async (t) => {
  const bench = new Bench(t);
  const socket = await bench.read(t);
  let flows = false;
  socket.on('data', () => (flows = true));
  while (!flows) await bench.picture();
  bench.feed.end();
  let over = false;
  const ended = once(socket, 'end').then(() => (over = true));
  await bench.clock.advance(11_000);
  t.notOk(over);
  await bench.clock.advance(2_000);
  await ended;
  await bench.isClosed();
  t.equal(bench.clock.pending, 0, 'no timer is left');
});

t.test('a reader that hangs when it is over is left after a while', async (t) => {
  const bench = new Bench(t);
  await bench.read(t);
  for (let i = 0; i < 40; i++) await bench.picture(500_000);
  bench.output.close();
  await bench.clock.advance(1_000);
  t.equal(bench.closed, 0);
  const bye = bench.output.sayGoodbye();
  await bench.clock.advance(2_000);
  await bench.isClosed();
  await bye;
  t.equal(bench.closed, 1);
});
