import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import t, { type Test } from 'tap';
import type { WorkerContext } from '../../../../src/webrtc/worker/context.js';
import { MatroskaOutput } from '../../../../src/webrtc/worker/encoder-io/matroska-output.js';
import { MediaSource } from '../../../../src/webrtc/worker/receive/media-source.js';
import { FakeClock } from '../../../support/fakes/fake-clock.js';
import { av1Payloads, encodeAv1, temporalUnits } from '../../../support/media/rtp/av1-rtp.js';
import { rtpPacket } from '../../../support/media/rtp/synthetic-rtp.js';

const clip = encodeAv1(t, { frameCount: 1 }).then(temporalUnits);
const FRAME_INTERVAL_MS = 40;

/** A media source in this process and an output of it. */
class Fixture {
  readonly clock = new FakeClock();
  readonly mediaSource: MediaSource;
  readonly output: MatroskaOutput;
  closed = 0;
  written = 0;
  readonly #path: string;
  #sequence = 0;

  constructor(t: Test) {
    const { clock } = this;
    const format = { video: { codec: 'av1', rids: [''] }, audio: false } as const;
    this.mediaSource = new MediaSource({ id: 'source', format, clock, requestKeyframe: () => {} });
    const context = { clock, log: () => {} } as unknown as WorkerContext;
    // Not `t.testdir()`: Unix socket paths have a short limit.
    const folder = mkdtempSync(path.join(os.tmpdir(), 'headend-test-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    this.#path = path.join(folder, '0-1.sock');
    const options = { path: this.#path, zero: clock.now() - 10_000, audio: false };
    this.output = new MatroskaOutput(context, this.mediaSource, options, () => this.closed++);
    t.teardown(() => {
      this.output.close();
      this.mediaSource.endSource();
    });
  }

  /** Writes a keyframe with padding bytes. */
  async writeFrame(bytes = 0): Promise<void> {
    const [layer] = this.mediaSource.layers;
    const unit = ((await clip)[0] ?? []).map((obu) =>
      obu.type === 6 ? { ...obu, payload: Buffer.concat([obu.payload, Buffer.alloc(bytes)]) } : obu,
    );
    const timestamp = (this.clock.now() % 1e6) * 90;
    const payloads = av1Payloads(unit, { mtu: 1400, counted: true });
    payloads.forEach((payload, i) => {
      const sequence = this.#sequence++;
      layer?.packetArrived(timestamp);
      const packet = rtpPacket({ payloadType: 1, ssrc: 1, sequence, timestamp, payload });
      layer?.writePacket(packet, sequence, timestamp, i === payloads.length - 1, -1, this.clock.monotonic());
      this.written += payload.length;
    });
    await this.clock.advance(FRAME_INTERVAL_MS);
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

t.test("a stalled reader's backlog is bounded", async (t) => {
  const fixture = new Fixture(t);
  const socket = await fixture.read(t);
  for (let i = 0; i < 100; i++) await fixture.writeFrame(500_000);
  t.ok(fixture.written > 50e6, `${fixture.written} bytes written`);
  let taken = 0;
  socket.on('data', ({ length }) => (taken += length));
  fixture.output.close();
  await once(socket, 'close');
  // Socket buffers of the system hold some of it too.
  t.ok(taken > 4e6 && taken < 25e6, `${taken} bytes read`);
  await fixture.isClosed();
});

t.test('an output without a reader closes after 15 seconds', async (t) => {
  const fixture = new Fixture(t);
  await fixture.output.start();
  await fixture.clock.advance(14_000);
  t.equal(fixture.closed, 0);
  await fixture.clock.advance(2_000);
  t.equal(fixture.closed, 1);
  fixture.output.close();
  t.equal(fixture.closed, 1);
});

t.test('an output closes 12 seconds after its source has ended', async (t) => {
  const fixture = new Fixture(t);
  const socket = await fixture.read(t);
  let receivesData = false;
  socket.on('data', () => (receivesData = true));
  while (!receivesData) await fixture.writeFrame();
  fixture.mediaSource.endSource();
  let over = false;
  const ended = once(socket, 'end').then(() => (over = true));
  await fixture.clock.advance(11_000);
  t.notOk(over);
  await fixture.clock.advance(2_000);
  await ended;
  await fixture.isClosed();
  t.equal(fixture.clock.pending, 0, 'no timer is left');
});

t.test('a stalled reader is disconnected two seconds after the close', async (t) => {
  const fixture = new Fixture(t);
  await fixture.read(t);
  for (let i = 0; i < 40; i++) await fixture.writeFrame(500_000);
  fixture.output.close();
  await fixture.clock.advance(1_000);
  t.equal(fixture.closed, 0);
  const flushed = fixture.output.sendEndOfStream();
  await fixture.clock.advance(2_000);
  await fixture.isClosed();
  await flushed;
  t.equal(fixture.closed, 1);
});
