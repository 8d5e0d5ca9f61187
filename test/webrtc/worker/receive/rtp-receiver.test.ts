import t from 'tap';
import { RtpHeader } from '../../../../src/media/index.js';
import { Layer, type LayerReader } from '../../../../src/webrtc/worker/receive/layer.js';
import { RtpReceiver } from '../../../../src/webrtc/worker/receive/rtp-receiver.js';
import { FakeClock } from '../../../support/fakes/fake-clock.js';
import { encodeH264Loop, fuA, isIdr, stapA } from '../../../support/media/rtp/h264-rtp.js';
import { rtpPacket } from '../../../support/media/rtp/synthetic-rtp.js';
import { seededRandom } from '../../../support/media/seeded-random.js';

type Received = { sequence: number; timestamp: number; payload: string };

/** Creates a receiver, its layer, and a record of what a reader gets. */
function receive(nack = true): {
  clock: FakeClock;
  layer: Layer;
  receiver: RtpReceiver;
  got: Received[];
  requests: () => number;
  accept(sequence: number, payload?: string, timestamp?: number, into?: RtpReceiver): void;
} {
  const clock = new FakeClock();
  let requests = 0;
  const layer = new Layer({
    kind: 'video',
    rid: '',
    codec: 'h264',
    clock,
    requestKeyframe: () => requests++,
  });
  const receiver = new RtpReceiver({ layer, ssrc: 1, clock, nack });
  const got: Received[] = [];
  const reader: LayerReader = {
    layerStarted() {},
    clockChanged() {},
    writePacket: (ring, slot) =>
      got.push({
        sequence: ring.sequences[slot]!,
        timestamp: ring.timestamps[slot]!,
        payload: ring.packets[slot]!.toString('latin1', 12),
      }),
  };
  layer.attachAtOnce(reader);
  const header = new RtpHeader();
  return {
    clock,
    layer,
    receiver,
    got,
    requests: () => requests,
    accept(sequence, payload = `${sequence}`, timestamp = sequence * 10, into = receiver) {
      const fields = { payloadType: 96, ssrc: into.ssrc, sequence, timestamp };
      const packet = rtpPacket(
        payload === '' ? { ...fields, padding: 50 } : { ...fields, payload: Buffer.from(payload, 'latin1') },
      );
      header.read(packet);
      into.acceptPacket(packet, header, -1, clock.monotonic());
    },
  };
}

t.test('duplicates are dropped and reordered packets keep their numbers', async (t) => {
  for (const nack of [true, false]) {
    const { accept, got } = receive(nack);
    for (const sequence of [65_534, 65_535, 1, 1, 0, 0, 65_535, 2]) accept(sequence);
    t.same(
      got.map(({ payload }) => payload),
      ['65534', '65535', '1', '0', '2'],
    );
    const first = got[0]!.sequence;
    t.same(
      got.map(({ sequence }) => sequence - first),
      [0, 1, 3, 2, 4],
    );
  }
});

t.test('missing packets are requested until they are given up, then a keyframe is requested', async (t) => {
  const { accept, receiver, clock, requests } = receive();
  for (const sequence of [10, 13, 14]) accept(sequence);
  t.ok(receiver.isMissing(11));
  t.notOk(receiver.isMissing(13));
  t.ok(receiver.newlyMissing);
  t.same(receiver.dueNacks(clock.monotonic()), [11, 12]);
  t.notOk(receiver.newlyMissing);
  t.same(receiver.dueNacks(clock.monotonic()), []);
  accept(12);
  let nacks = 0;
  for (let waited = 0; waited < 740; waited += 10) {
    await clock.advance(10);
    nacks += receiver.dueNacks(clock.monotonic()).length;
  }
  t.ok(nacks >= 10, `requested ${nacks} times`);
  t.equal(requests(), 0);
  await clock.advance(10);
  t.same(receiver.dueNacks(clock.monotonic()), []);
  t.equal(requests(), 1);
  t.notOk(receiver.isMissing(11));
});

t.test('a NACK is repeated after the measured retransmission time', async (t) => {
  for (const [answerMs, least, most] of [
    [2, 20, 30],
    [100, 100, 130],
    [400, 190, 210],
  ] as const) {
    const { accept, receiver, clock } = receive();
    let sequence = 10;
    accept(sequence);
    for (let round = 0; round < 30; round++) {
      sequence += 2;
      accept(sequence);
      t.same(receiver.dueNacks(clock.monotonic()), [sequence - 1]);
      await clock.advance(answerMs);
      accept(sequence - 1);
    }
    accept(sequence + 2);
    receiver.dueNacks(clock.monotonic());
    let waited = 0;
    do {
      await clock.advance(1);
      waited++;
    } while (receiver.dueNacks(clock.monotonic()).length === 0);
    t.ok(waited >= least && waited <= most, `after ${waited} ms at a retransmission time of ${answerMs} ms`);
  }
});

t.test('a large gap causes a keyframe request instead of NACKs', async (t) => {
  const { accept, receiver, clock, requests } = receive();
  accept(10);
  accept(1000);
  t.same(receiver.dueNacks(clock.monotonic()), []);
  t.equal(requests(), 1);
});

t.test('padding leaves no gap in any order', async (t) => {
  const { accept, got } = receive();
  accept(10);
  accept(11, '');
  accept(12);
  accept(14, '');
  accept(13);
  accept(15);
  // Late padding fills its gap with a placeholder.
  accept(17);
  accept(16, '');
  const first = got[0]!.sequence;
  t.same(
    got.map(({ sequence, payload }) => [sequence - first, payload]),
    [
      [0, '10'],
      [1, '12'],
      [2, '13'],
      [3, '15'],
      [5, '17'],
      [4, ''],
    ],
  );
});

t.test('a sequence jump restarts the stream when a second packet confirms it', async (t) => {
  const { accept, got, layer, clock } = receive();
  accept(10, 'a', 1000);
  await clock.advance(100);
  accept(30_000, 'stray', 5);
  accept(11, 'b', 4000);
  await clock.advance(100);
  accept(40_000, 'c', 3_000_000_000);
  accept(40_001, 'd', 3_000_003_000);
  accept(40_002, 'e', 3_000_006_000);
  const first = got[0]!.sequence;
  t.same(
    got.map(({ sequence, payload }) => [sequence - first, payload]),
    [
      [0, 'a'],
      [1, 'b'],
      [2, 'd'],
      [3, 'e'],
    ],
  );
  t.equal(got[2]!.timestamp, 4000 + 9000, 'advances by the elapsed time');
  t.equal(got[3]!.timestamp, got[2]!.timestamp + 3000);
  t.equal(layer.head, got[3]!.sequence);
});

t.test('a stream with another SSRC continues the numbering of the previous one', async (t) => {
  const { accept, got, layer, clock } = receive();
  accept(10, 'a', 1000);
  await clock.advance(1000);
  const next = new RtpReceiver({ layer, ssrc: 2, clock, nack: true });
  accept(500, 'b', 77, next);
  t.same(
    got.map(({ timestamp }) => timestamp),
    [1000, 91_000],
  );
  t.equal(got[1]!.sequence, got[0]!.sequence + 1);
});

t.test('report blocks have the loss since the last report and the total', async (t) => {
  const { accept, receiver, clock } = receive();
  t.equal(receiver.reportBlock(), undefined);
  for (const sequence of [100, 101, 103, 104]) accept(sequence);
  t.match(receiver.reportBlock(), {
    ssrc: 1,
    fractionLost: 0.2,
    lost: 1,
    highest: 104,
    lastReport: 0,
    delay: 0,
  });
  receiver.noteSenderReport({ ssrc: 1, time: 5, timestamp: 1000, middle: 99 });
  await clock.advance(500);
  accept(102);
  accept(105);
  t.match(receiver.reportBlock(), { fractionLost: 0, lost: 0, highest: 105, lastReport: 99, delay: 32_768 });
});

t.test('random sequence numbers neither throw nor yield a number twice', async (t) => {
  const random = seededRandom(11);
  for (let round = 0; round < 100; round++) {
    const { accept, receiver, got, clock } = receive(round % 2 === 0);
    let sequence = Math.floor(random() * 65_536);
    for (let i = 0; i < 200; i++) {
      const kind = random();
      sequence += kind < 0.8 ? 1 : Math.floor((random() - 0.5) * (kind < 0.97 ? 20 : 70_000));
      accept(sequence & 0xffff, random() < 0.1 ? '' : 'x');
      if (random() < 0.1) receiver.dueNacks(clock.monotonic());
      if (random() < 0.05) receiver.reportBlock();
    }
    const numbers = got.map((one) => one.sequence);
    if (new Set(numbers).size !== numbers.length) t.fail(`round ${round}: a number was given twice`);
  }
  t.pass();
});

t.test('inserted and removed packets leave no gap in the numbers, also beside late packets', async (t) => {
  const { sets, pictures } = await encodeH264Loop();
  const [sps = Buffer.of(), pps = Buffer.of()] = sets;
  const parameters = `sprop-parameter-sets=${sets.map((set) => set.toString('base64')).join()}`;
  const { layer, clock, got, accept } = receive();
  const receiver = new RtpReceiver({ layer, ssrc: 3, clock, nack: true, normalises: { parameters } });
  const [idr = Buffer.of()] = pictures.find(isIdr)!;
  const [slice = Buffer.of()] = pictures.find((units) => !isIdr(units))!;
  const payloads = [idr, slice, slice, ...fuA(sps, 4), pps, idr, slice];
  const order = payloads.map((_, index) => index);
  // The second slice comes after the next keyframe.
  order.push(...order.splice(2, 1));
  for (const index of order)
    accept(100 + index, payloads[index]!.toString('latin1'), Math.min(index, 3), receiver);
  const expected = [stapA(sps, pps), idr, slice, slice, sps, pps, idr, slice];
  const sorted = got.toSorted((a, b) => a.sequence - b.sequence);
  t.strictSame(
    sorted.map(({ payload }) => payload),
    expected.map((payload) => payload.toString('latin1')),
  );
  const first = sorted[0]!.sequence;
  t.strictSame(
    sorted.map(({ sequence }) => sequence - first),
    expected.map((_, index) => index),
  );
});
