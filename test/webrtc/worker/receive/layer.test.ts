import t from 'tap';
import { RtpRewriter } from '../../../../src/webrtc/worker/forward/rtp-rewriter.js';
import { Layer, type LayerReader } from '../../../../src/webrtc/worker/receive/layer.js';
import { FakeClock } from '../../../support/fakes/fake-clock.js';
import { rtpPacket } from '../../../support/media/rtp/synthetic-rtp.js';

class Reader implements LayerReader {
  readonly started: [Layer, number][] = [];
  readonly received: number[] = [];

  layerStarted(layer: Layer, sequence: number): void {
    this.started.push([layer, sequence]);
  }

  writePacket(ring: { sequences: Float64Array }, slot: number): void {
    this.received.push(ring.sequences[slot]!);
  }

  clockChanged(): void {}
}

class Fixture {
  readonly clock = new FakeClock();
  requests = 0;
  readonly layer: Layer;

  constructor(fixedKeyframes = false) {
    this.layer = new Layer({
      kind: 'video',
      rid: '',
      codec: 'h264',
      clock: this.clock,
      fixedKeyframes,
      requestKeyframe: () => this.requests++,
    });
  }

  write(sequence: number, keyframe = false, timestamp = sequence * 3000): void {
    const payload = Buffer.from([keyframe ? 0x65 : 0x41, 1]);
    const packet = rtpPacket({ payloadType: 96, ssrc: 1, sequence, timestamp, payload });
    this.layer.writePacket(packet, sequence, timestamp, true, -1, this.clock.monotonic());
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

t.test('a new reader is replayed the last keyframe in portions', async (t) => {
  const fixture = new Fixture();
  fixture.write(10, true);
  for (const sequence of range(11, 120)) fixture.write(sequence);
  const reader = new Reader();
  fixture.layer.attachAtKeyframe(reader, true);
  t.same(reader.started, [[fixture.layer, 10]]);
  t.ok(reader.received.length < 50, 'not all at once');
  // Packets that arrive during the replay follow it.
  fixture.write(120);
  await fixture.clock.advance(50);
  fixture.write(121);
  t.same(reader.received, range(10, 122));
  t.equal(fixture.requests, 0);
  t.equal(fixture.clock.pending, 0, 'no timer is left');
});

t.test('a source without keyframes on request keeps a group of pictures of 4 s at 6 Mbit/s', async (t) => {
  const fixture = new Fixture(true);
  fixture.write(10, true);
  for (const sequence of range(11, 2_600)) fixture.write(sequence);
  const reader = new Reader();
  fixture.layer.attachAtKeyframe(reader, true);
  await fixture.clock.advance(1_000);
  t.same(reader.received, range(10, 2_600));
});

t.test('a burst reaches readers in portions, in order and without a gap', async (t) => {
  const fixture = new Fixture();
  fixture.write(10, true);
  const reader = new Reader();
  fixture.layer.attachAtKeyframe(reader, true);
  for (let last = 11; last <= 2_411; last += 400) {
    const before = reader.received.length;
    for (const sequence of range(last, last + 400)) fixture.write(sequence);
    t.ok(reader.received.length - before <= 32, 'the rest waits');
    let largest = 0;
    for (let waited = 0; waited < 100; waited += 5) {
      const { length } = reader.received;
      await fixture.clock.advance(5);
      largest = Math.max(largest, reader.received.length - length);
    }
    t.ok(largest > 0 && largest <= 32, `${largest} packets in 5 ms`);
  }
  t.same(reader.received, range(10, 2_811));
  t.equal(reader.started.length, 1);
  t.equal(fixture.clock.pending, 0, 'no timer is left');
  fixture.write(2_811);
  t.equal(reader.received.at(-1), 2_811, 'a single packet is not delayed');
});

t.test('a reordered packet reaches a reader whose replay has passed it', async (t) => {
  const fixture = new Fixture();
  fixture.write(10, true);
  for (const sequence of range(11, 100)) if (sequence !== 15) fixture.write(sequence);
  const reader = new Reader();
  fixture.layer.attachAtKeyframe(reader, true);
  fixture.write(15);
  await fixture.clock.advance(50);
  t.same(
    [...reader.received].sort((a, b) => a - b),
    range(10, 100),
  );
});

t.test('a reader that switches layers waits for the next keyframe', async (t) => {
  const fixture = new Fixture();
  fixture.write(10, true);
  fixture.write(11);
  const reader = new Reader();
  fixture.layer.attachAtKeyframe(reader, false);
  t.equal(fixture.requests, 1);
  fixture.write(12);
  t.same(reader.received, []);
  fixture.write(13, true);
  fixture.write(14);
  t.same(reader.started, [[fixture.layer, 13]]);
  t.same(reader.received, [13, 14]);
});

t.test('a keyframe that is too old or partly overwritten is not replayed', async (t) => {
  const old = new Fixture();
  old.write(10, true);
  old.write(11);
  await old.clock.advance(6000);
  old.write(12);
  const first = new Reader();
  old.layer.attachAtKeyframe(first, true);
  t.same(first.received, []);
  t.equal(old.requests, 1);

  const long = new Fixture();
  long.write(10, true);
  for (const sequence of range(11, 1100)) long.write(sequence);
  const second = new Reader();
  long.layer.attachAtKeyframe(second, true);
  t.same(second.received, []);
});

t.test('while the picture pauses an old keyframe is replayed, also to readers that wait', async (t) => {
  const fixture = new Fixture();
  const { clock, layer } = fixture;
  fixture.write(10, true);
  await clock.advance(6_000);
  fixture.write(11);
  await clock.advance(400);
  const waiting = new Reader();
  layer.attachAtKeyframe(waiting, true);
  t.same(waiting.received, [], 'a keyframe may come');
  await clock.advance(200);
  const late = new Reader();
  layer.attachAtKeyframe(late, true);
  t.same(late.received, [10, 11]);
  layer.sourcePaused();
  t.same(waiting.received, [10, 11]);
  fixture.write(12);
  t.same([waiting.received, late.received], [range(10, 13), range(10, 13)]);
});

t.test('reordered packets of a keyframe all reach a waiting reader', async (t) => {
  const fixture = new Fixture();
  const reader = new Reader();
  fixture.layer.attachAtKeyframe(reader, true);
  fixture.write(22, false, 500);
  fixture.write(21, true, 500);
  fixture.write(20, true, 500);
  fixture.write(23, false, 500);
  t.same(reader.received, [21, 22, 20, 23]);
  const later = new Reader();
  fixture.layer.attachAtKeyframe(later, true);
  t.same(later.received, [20, 21, 22, 23]);
});

t.test('a detached reader gets nothing, waiting or replaying', async (t) => {
  const fixture = new Fixture();
  const waiting = new Reader();
  fixture.layer.attachAtKeyframe(waiting, true);
  fixture.layer.detachReader(waiting);
  fixture.write(10, true);
  for (const sequence of range(11, 100)) fixture.write(sequence);
  const replaying = new Reader();
  fixture.layer.attachAtKeyframe(replaying, true);
  const sent = replaying.received.length;
  fixture.layer.detachReader(replaying);
  await fixture.clock.advance(100);
  t.same(waiting.received, []);
  t.equal(replaying.received.length, sent);
  t.equal(fixture.layer.readers, 0);
});

t.test('keyframe requests are coalesced, repeated until a keyframe arrives, and bounded', async (t) => {
  const fixture = new Fixture();
  fixture.write(1);
  fixture.layer.attachAtKeyframe(new Reader(), true);
  for (let i = 0; i < 10; i++) {
    fixture.layer.attachAtKeyframe(new Reader(), true);
    fixture.layer.requestKeyframe();
  }
  t.equal(fixture.requests, 1);
  await fixture.clock.advance(1000);
  t.equal(fixture.requests, 2);
  await fixture.clock.advance(60_000);
  t.ok(fixture.requests < 15, 'requests to an unresponsive source end');
  fixture.layer.requestKeyframe();
  const requestsBefore = fixture.requests;
  fixture.write(2, true);
  await fixture.clock.advance(5000);
  t.equal(fixture.requests, requestsBefore, 'no request after the keyframe');
});

t.test('a switch between layers of one sender keeps timestamps aligned by sender reports', async (t) => {
  const first = new Fixture();
  const two = new Layer({ kind: 'video', rid: 'h', codec: 'h264', clock: first.clock, requestKeyframe() {} });
  const rewriter = new RtpRewriter(first.clock);
  first.write(10, true, 1000);
  rewriter.switchLayer(first.layer, 10);
  rewriter.lastSequence = 10;
  rewriter.lastTimestamp = 1000;
  first.layer.applyReport(first.clock.now(), 1000);
  two.applyReport(first.clock.now(), 900_000);
  await first.clock.advance(100);
  const packet = rtpPacket({
    payloadType: 96,
    ssrc: 2,
    sequence: 7,
    timestamp: 906_000,
    payload: Buffer.from([0x65]),
  });
  two.writePacket(packet, 7, 906_000, true, -1, first.clock.monotonic());
  rewriter.switchLayer(two, 7);
  t.equal(7 + rewriter.sequenceOffset, 11);
  t.equal(906_000 + rewriter.timestampOffset, 7000);
  // A timestamp that would decrease is advanced by one frame.
  rewriter.lastTimestamp = 50_000;
  rewriter.switchLayer(two, 7);
  t.equal(906_000 + rewriter.timestampOffset, 53_000);
});
