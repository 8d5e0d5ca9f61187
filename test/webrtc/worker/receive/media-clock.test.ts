import t from 'tap';
import { MediaClock } from '../../../../src/webrtc/worker/receive/media-clock.js';

const RATE = 48_000;
const PACKET_MS = 20;

/** Audio in packets of 20 ms; times are ms of this machine's clock. */
class AudioStream {
  readonly clock = new MediaClock({ rate: RATE, countsSamples: true });
  time = 1_000_000;
  timestamp = 4_294_960_000;
  moved = 0;

  /** Sends packets that arrive on time. */
  send(ms: number): void {
    for (let sent = 0; sent < ms; sent += PACKET_MS) {
      this.time += PACKET_MS;
      this.arrive();
    }
  }

  arrive(): void {
    this.timestamp = (this.timestamp + (PACKET_MS * RATE) / 1000) >>> 0;
    if (this.clock.packetArrived(this.time, this.timestamp)) this.moved++;
  }

  /** Lateness of the last packet by the clock, ms. */
  get late(): number {
    return this.time - this.clock.timeOf(this.timestamp)!;
  }
}

t.test('times and timestamps convert both ways across the timestamp wrap', async (t) => {
  const { clock } = new AudioStream();
  t.equal(clock.timeOf(5), undefined);
  t.equal(clock.timestampAt(5), undefined);
  clock.packetArrived(10_000, 0xffff_ff00);
  t.equal(clock.timestampAt(10_020), 0xffff_ff00 + 960 - 2 ** 32);
  t.equal(clock.timeOf(0xffff_ff00 + 960 - 2 ** 32), 10_020);
  t.equal(clock.timeOf(0xffff_ff00 - 48), 9_999);
});

t.test('a stopped clock is shifted, with and without reports', async (t) => {
  for (const reported of [false, true]) {
    const stream = new AudioStream();
    stream.send(1_000);
    if (reported) stream.clock.applyReport(stream.time - 30, stream.timestamp);
    stream.send(1_000);
    const before = stream.late;
    stream.time += 3_000;
    stream.send(400);
    t.equal(stream.moved, 0, 'no shift before the window ends');
    t.ok(stream.late > before + 2_900);
    stream.send(300);
    t.equal(stream.moved, 1);
    t.ok(Math.abs(stream.late - before) < PACKET_MS, `${stream.late} ms late, before ${before} ms`);
    stream.send(5_000);
    t.equal(stream.moved, 1, 'shifted once');
  }
});

t.test('a network stall does not count as a stopped clock', async (t) => {
  const stream = new AudioStream();
  stream.send(2_000);
  stream.time += 1_000;
  // A burst, then regular packets.
  for (let held = 0; held < 1_000; held += PACKET_MS) stream.arrive();
  stream.send(2_000);
  t.equal(stream.moved, 0);
  t.ok(stream.late < PACKET_MS);
});

t.test('a report sets the clock and returns whether it changed', async (t) => {
  const stream = new AudioStream();
  stream.send(200);
  t.ok(stream.clock.applyReport(stream.time - 40, stream.timestamp), 'first report');
  t.notOk(stream.clock.applyReport(stream.time - 35, stream.timestamp), 'equal report');
  t.equal(stream.late, 35);
  t.ok(stream.clock.applyReport(stream.time + 500, stream.timestamp));
  stream.send(5_000);
  t.equal(stream.moved, 0);
});

t.test('late video packets do not shift the clock', async (t) => {
  const clock = new MediaClock({ rate: 90_000, countsSamples: false });
  let moved = false;
  for (let i = 0; i < 300; i++)
    moved = clock.packetArrived(i * 33 + (i > 100 ? 900 : 0), i * 33 * 90) || moved;
  t.notOk(moved);
});
