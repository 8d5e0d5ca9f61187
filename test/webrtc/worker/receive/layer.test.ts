import t from 'tap';
import { RtpRewriter } from '../../../../src/webrtc/worker/forward/rtp-rewriter.js';
import { Layer, type LayerReader } from '../../../../src/webrtc/worker/receive/layer.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { rtpPacket } from '../../../support/synthetic-rtp.js';

class Reader implements LayerReader {
  readonly began: [Layer, number][] = [];
  readonly got: number[] = [];

  layerStarted(layer: Layer, sequence: number): void {
    this.began.push([layer, sequence]);
  }

  writePacket(ring: { sequences: Float64Array }, slot: number): void {
    this.got.push(ring.sequences[slot]!);
  }

  clockChanged(): void {}
}

class Bench {
  readonly clock = new FakeClock();
  requests = 0;
  readonly layer = new Layer({
    kind: 'video',
    rid: '',
    codec: 'h264',
    clock: this.clock,
    requestKeyframe: () => this.requests++,
  });

  write(sequence: number, keyframe = false, timestamp = sequence * 3000): void {
    const payload = Buffer.from([keyframe ? 0x65 : 0x41, 1]);
    const packet = rtpPacket({ payloadType: 96, ssrc: 1, sequence, timestamp, payload });
    this.layer.writePacket(packet, sequence, timestamp, true, -1, this.clock.monotonic());
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

t.test('a reader that shows nothing yet begins with the last keyframe, in portions', async (t) => {
  const bench = new Bench();
  bench.write(10, true);
  for (const sequence of range(11, 120)) bench.write(sequence);
  const reader = new Reader();
  bench.layer.attachAtKeyframe(reader, true);
  t.same(reader.began, [[bench.layer, 10]]);
  t.ok(reader.got.length < 50, 'not all at once');
  // What comes meanwhile is sent when it is its turn.
  bench.write(120);
  await bench.clock.advance(50);
  bench.write(121);
  t.same(reader.got, range(10, 122));
  t.equal(bench.requests, 0);
  t.equal(bench.clock.pending, 0, 'no timer is left');
});

t.test('a late packet reaches a reader that has passed its place, too', async (t) => {
  const bench = new Bench();
  bench.write(10, true);
  for (const sequence of range(11, 100)) if (sequence !== 15) bench.write(sequence);
  const reader = new Reader();
  bench.layer.attachAtKeyframe(reader, true);
  bench.write(15);
  await bench.clock.advance(50);
  t.same(
    [...reader.got].sort((a, b) => a - b),
    range(10, 100),
  );
});

t.test('a reader that shows something already waits for the next keyframe', async (t) => {
  const bench = new Bench();
  bench.write(10, true);
  bench.write(11);
  const reader = new Reader();
  bench.layer.attachAtKeyframe(reader, false);
  t.equal(bench.requests, 1);
  bench.write(12);
  t.same(reader.got, []);
  bench.write(13, true);
  bench.write(14);
  t.same(reader.began, [[bench.layer, 13]]);
  t.same(reader.got, [13, 14]);
});

t.test('a keyframe that is too old, or not whole in memory any more, is no beginning', async (t) => {
  const old = new Bench();
  old.write(10, true);
  old.write(11);
  await old.clock.advance(6000);
  old.write(12);
  const first = new Reader();
  old.layer.attachAtKeyframe(first, true);
  t.same(first.got, []);
  t.equal(old.requests, 1);

  const long = new Bench();
  long.write(10, true);
  for (const sequence of range(11, 1100)) long.write(sequence);
  const second = new Reader();
  long.layer.attachAtKeyframe(second, true);
  t.same(second.got, []);
});

t.test('the packets of a keyframe that come in another order all reach who waited for it', async (t) => {
  const bench = new Bench();
  const reader = new Reader();
  bench.layer.attachAtKeyframe(reader, true);
  bench.write(22, false, 500);
  bench.write(21, true, 500);
  bench.write(20, true, 500);
  bench.write(23, false, 500);
  t.same(reader.got, [21, 22, 20, 23]);
  const later = new Reader();
  bench.layer.attachAtKeyframe(later, true);
  t.same(later.got, [20, 21, 22, 23]);
});

t.test('who has left gets nothing, wherever it stood', async (t) => {
  const bench = new Bench();
  const waiting = new Reader();
  bench.layer.attachAtKeyframe(waiting, true);
  bench.layer.detachReader(waiting);
  bench.write(10, true);
  for (const sequence of range(11, 100)) bench.write(sequence);
  const replaying = new Reader();
  bench.layer.attachAtKeyframe(replaying, true);
  const sent = replaying.got.length;
  bench.layer.detachReader(replaying);
  await bench.clock.advance(100);
  t.same(waiting.got, []);
  t.equal(replaying.got.length, sent);
  t.equal(bench.layer.readers, 0);
});

t.test('requests for keyframes are coalesced, repeated while none comes, and end', async (t) => {
  const bench = new Bench();
  bench.write(1);
  bench.layer.attachAtKeyframe(new Reader(), true);
  for (let i = 0; i < 10; i++) {
    bench.layer.attachAtKeyframe(new Reader(), true);
    bench.layer.requestKeyframe();
  }
  t.equal(bench.requests, 1);
  await bench.clock.advance(1000);
  t.equal(bench.requests, 2);
  await bench.clock.advance(60_000);
  t.ok(bench.requests < 15, 'a source that sends none is not asked for ever');
  bench.layer.requestKeyframe();
  const asked = bench.requests;
  bench.write(2, true);
  await bench.clock.advance(5000);
  t.equal(bench.requests, asked, 'no more when it is there');
});

t.test('a cut between layers of one sender keeps the time, by their reports', async (t) => {
  const one = new Bench();
  const two = new Layer({ kind: 'video', rid: 'h', codec: 'h264', clock: one.clock, requestKeyframe() {} });
  const rewriter = new RtpRewriter(one.clock);
  one.write(10, true, 1000);
  rewriter.switchLayer(one.layer, 10);
  rewriter.lastSequence = 10;
  rewriter.lastTimestamp = 1000;
  one.layer.applyReport(one.clock.now(), 1000);
  two.applyReport(one.clock.now(), 900_000);
  await one.clock.advance(100);
  const packet = rtpPacket({
    payloadType: 96,
    ssrc: 2,
    sequence: 7,
    timestamp: 906_000,
    payload: Buffer.from([0x65]),
  });
  two.writePacket(packet, 7, 906_000, true, -1, one.clock.monotonic());
  rewriter.switchLayer(two, 7);
  t.equal(7 + rewriter.sequenceOffset, 11);
  t.equal(906_000 + rewriter.timestampOffset, 7000);
  // One that would go back in time is moved on by a frame.
  rewriter.lastTimestamp = 50_000;
  rewriter.switchLayer(two, 7);
  t.equal(906_000 + rewriter.timestampOffset, 53_000);
});
