import t from 'tap';
import { RtpRewriter, rewriteTimestamp } from '../../../../src/webrtc/worker/forward/rtp-rewriter.js';
import { Layer } from '../../../../src/webrtc/worker/receive/layer.js';
import { FakeClock } from '../../../support/fakes/fake-clock.js';
import { rtpPacket } from '../../../support/media/rtp/synthetic-rtp.js';

const FRAME_TICKS = 3000;
const FRAME_MS = 100 / 3;

/** Layer with frames of two packets; timestamps wrap soon. */
class VideoStream {
  readonly clock = new FakeClock();
  readonly layer = new Layer({
    kind: 'video',
    rid: '',
    codec: 'h264',
    clock: this.clock,
    requestKeyframe() {},
  });
  sequence = 100;
  timestamp = 2 ** 32 - 50 * FRAME_TICKS;

  async send(frames: number): Promise<void> {
    for (let sent = 0; sent < frames; sent++) {
      for (const marker of [false, true]) {
        const { sequence, timestamp } = this;
        const payload = Buffer.from([0x65, 1]);
        const packet = rtpPacket({ payloadType: 96, ssrc: 1, sequence, timestamp, payload });
        this.layer.writePacket(packet, this.sequence++, timestamp, marker, -1, this.clock.monotonic());
      }
      this.timestamp = (this.timestamp + FRAME_TICKS) >>> 0;
      await this.clock.advance(FRAME_MS);
    }
  }

  /** Returns the timestamps that a reader gets from packet `from` on. */
  read(rewriter: RtpRewriter, from: number): number[] {
    const timestamps: number[] = [];
    for (let sequence = from; sequence <= this.layer.head; sequence++) {
      const own = this.layer.ring.timestamps[this.layer.ring.slotOf(sequence)]!;
      const timestamp = rewriteTimestamp(rewriter, sequence, own);
      timestamps.push(timestamp);
      rewriter.lastSequence = sequence + rewriter.sequenceOffset;
      rewriter.lastTimestamp = timestamp;
    }
    return timestamps;
  }
}

function steps(timestamps: number[]): number[] {
  return timestamps.slice(1).map((timestamp, i) => (timestamp - timestamps[i]!) | 0);
}

t.test(
  'backlog timestamps are compressed and distinct per frame, live timestamps are unchanged',
  async (t) => {
    const stream = new VideoStream();
    await stream.send(90);
    const rewriter = new RtpRewriter(stream.clock, { compressesBacklog: true });
    rewriter.switchLayer(stream.layer, 100);
    await stream.send(3);
    const timestamps = stream.read(rewriter, 100);
    const past = steps(timestamps.slice(0, 180));
    t.ok(past.every((step, i) => (i % 2 === 0 ? step === 0 : step > 0 && step < FRAME_TICKS / 60)));
    t.same(steps(timestamps.slice(179)), [FRAME_TICKS, 0, FRAME_TICKS, 0, FRAME_TICKS, 0]);
    t.equal(timestamps.at(-1), stream.layer.headTimestamp);
    t.equal(
      rewriteTimestamp(rewriter, 100, 2 ** 32 - 50 * FRAME_TICKS),
      timestamps[0],
      'same timestamp in a retransmission',
    );
  },
);

t.test('backlog timestamps are unchanged without compression', async (t) => {
  const stream = new VideoStream();
  await stream.send(90);
  const rewriter = new RtpRewriter(stream.clock);
  rewriter.switchLayer(stream.layer, 100);
  const timestamps = stream.read(rewriter, 100);
  t.ok(steps(timestamps).every((step, i) => step === (i % 2 === 0 ? 0 : FRAME_TICKS)));
});

t.test('a switch to the backlog of another layer advances timestamps by the elapsed time only', async (t) => {
  const stream = new VideoStream();
  const rewriter = new RtpRewriter(stream.clock, { compressesBacklog: true });
  await stream.send(30);
  rewriter.switchLayer(stream.layer, 100);
  const before = stream.read(rewriter, 100).at(-1)!;
  // The other layer has a backlog of 3 s when it is joined, 0.5 s after the first ended.
  const other = new VideoStream();
  await other.send(90);
  await stream.clock.advance(500 - FRAME_MS);
  other.layer.headAt = stream.layer.headAt + 500;
  rewriter.switchLayer(other.layer, 100);
  const after = other.read(rewriter, 100);
  t.ok(steps([before, ...after]).every((step) => step >= 0));
  t.ok(Math.abs(((after.at(-1)! - before) | 0) - 45_000) <= 2, 'half a second');
});
