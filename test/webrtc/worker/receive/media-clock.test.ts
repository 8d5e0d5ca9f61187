import t from 'tap';
import { MediaClock } from '../../../../src/webrtc/worker/receive/media-clock.js';

const RATE = 48_000;
const PACKET_MS = 20;

/** Sound that comes in packets of 20 ms; times are ms of this machine's clock. */
class Sound {
  readonly clock = new MediaClock({ rate: RATE, countsSamples: true });
  time = 1_000_000;
  timestamp = 4_294_960_000;
  moved = 0;

  /** Packets that come at their time. */
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

  /** How long after its time by the clock the last packet came, ms. */
  get late(): number {
    return this.time - this.clock.timeOf(this.timestamp)!;
  }
}

t.test('a time and its timestamp belong together, over the wrap of timestamps', async (t) => {
  const { clock } = new Sound();
  t.equal(clock.timeOf(5), undefined);
  t.equal(clock.timestampAt(5), undefined);
  clock.packetArrived(10_000, 0xffff_ff00);
  t.equal(clock.timestampAt(10_020), 0xffff_ff00 + 960 - 2 ** 32);
  t.equal(clock.timeOf(0xffff_ff00 + 960 - 2 ** 32), 10_020);
  t.equal(clock.timeOf(0xffff_ff00 - 48), 9_999);
});

t.test('a clock that stood still is set again, whatever it was known by', async (t) => {
  for (const reported of [false, true]) {
    const sound = new Sound();
    sound.send(1_000);
    if (reported) sound.clock.applyReport(sound.time - 30, sound.timestamp);
    sound.send(1_000);
    const before = sound.late;
    sound.time += 3_000;
    sound.send(400);
    t.equal(sound.moved, 0, 'it may be the network');
    t.ok(sound.late > before + 2_900);
    sound.send(300);
    t.equal(sound.moved, 1);
    t.ok(Math.abs(sound.late - before) < PACKET_MS, `${sound.late} ms late, before ${before} ms`);
    sound.send(5_000);
    t.equal(sound.moved, 1, 'once');
  }
});

t.test('what the network held up is late, and no sign of that', async (t) => {
  const sound = new Sound();
  sound.send(2_000);
  sound.time += 1_000;
  // All at once, and then as usual.
  for (let held = 0; held < 1_000; held += PACKET_MS) sound.arrive();
  sound.send(2_000);
  t.equal(sound.moved, 0);
  t.ok(sound.late < PACKET_MS);
});

t.test('a report sets it right, and says whether that was news', async (t) => {
  const sound = new Sound();
  sound.send(200);
  t.ok(sound.clock.applyReport(sound.time - 40, sound.timestamp), 'the first one is');
  t.notOk(sound.clock.applyReport(sound.time - 35, sound.timestamp), 'one that says the same is not');
  t.equal(sound.late, 35);
  t.ok(sound.clock.applyReport(sound.time + 500, sound.timestamp));
  sound.send(5_000);
  t.equal(sound.moved, 0);
});

t.test('pictures carry the time at which they were taken: they are only late', async (t) => {
  const clock = new MediaClock({ rate: 90_000, countsSamples: false });
  let moved = false;
  for (let i = 0; i < 300; i++)
    moved = clock.packetArrived(i * 33 + (i > 100 ? 900 : 0), i * 33 * 90) || moved;
  t.notOk(moved);
});
