import t from 'tap';
import { RtpRewriter, rewriteTimestamp } from '../../../../src/webrtc/worker/forward/rtp-rewriter.js';
import { Layer } from '../../../../src/webrtc/worker/receive/layer.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { rtpPacket } from '../../../support/synthetic-rtp.js';

const PICTURE_TICKS = 3000;
const PICTURE_MS = 100 / 3;

/** A layer of pictures of two packets each, whose timestamps wrap soon. */
class Pictures {
  readonly clock = new FakeClock();
  readonly layer = new Layer({
    kind: 'video',
    rid: '',
    codec: 'h264',
    clock: this.clock,
    requestKeyframe() {},
  });
  sequence = 100;
  timestamp = 2 ** 32 - 50 * PICTURE_TICKS;

  async send(pictures: number): Promise<void> {
    for (let sent = 0; sent < pictures; sent++) {
      for (const marker of [false, true]) {
        const { sequence, timestamp } = this;
        const payload = Buffer.from([0x65, 1]);
        const packet = rtpPacket({ payloadType: 96, ssrc: 1, sequence, timestamp, payload });
        this.layer.writePacket(packet, this.sequence++, timestamp, marker, -1, this.clock.monotonic());
      }
      this.timestamp = (this.timestamp + PICTURE_TICKS) >>> 0;
      await this.clock.advance(PICTURE_MS);
    }
  }

  /** What a reader gets, from a packet on. */
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
  'the past is given timestamps of the present, each picture its own, and the present keeps its own',
  async (t) => {
    const pictures = new Pictures();
    await pictures.send(90);
    const rewriter = new RtpRewriter(pictures.clock, { compressesBacklog: true });
    rewriter.switchLayer(pictures.layer, 100);
    await pictures.send(3);
    const timestamps = pictures.read(rewriter, 100);
    const past = steps(timestamps.slice(0, 180));
    t.ok(past.every((step, i) => (i % 2 === 0 ? step === 0 : step > 0 && step < PICTURE_TICKS / 60)));
    t.same(steps(timestamps.slice(179)), [PICTURE_TICKS, 0, PICTURE_TICKS, 0, PICTURE_TICKS, 0]);
    t.equal(timestamps.at(-1), pictures.layer.headTimestamp);
    t.equal(
      rewriteTimestamp(rewriter, 100, 2 ** 32 - 50 * PICTURE_TICKS),
      timestamps[0],
      'also when sent again',
    );
  },
);

t.test('an encoder is given the past as it was', async (t) => {
  const pictures = new Pictures();
  await pictures.send(90);
  const rewriter = new RtpRewriter(pictures.clock);
  rewriter.switchLayer(pictures.layer, 100);
  const timestamps = pictures.read(rewriter, 100);
  t.ok(steps(timestamps).every((step, i) => step === (i % 2 === 0 ? 0 : PICTURE_TICKS)));
});

t.test('beginning with the past of another layer takes no more time than has gone by', async (t) => {
  const pictures = new Pictures();
  const rewriter = new RtpRewriter(pictures.clock, { compressesBacklog: true });
  await pictures.send(30);
  rewriter.switchLayer(pictures.layer, 100);
  const before = pictures.read(rewriter, 100).at(-1)!;
  // Three seconds of the other layer are there already when it is joined, half a second after the first ended.
  const other = new Pictures();
  await other.send(90);
  await pictures.clock.advance(500 - PICTURE_MS);
  other.layer.headAt = pictures.layer.headAt + 500;
  rewriter.switchLayer(other.layer, 100);
  const after = other.read(rewriter, 100);
  t.ok(steps([before, ...after]).every((step) => step >= 0));
  t.ok(Math.abs(((after.at(-1)! - before) | 0) - 45_000) <= 2, 'half a second');
});
