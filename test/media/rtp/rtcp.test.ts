import t from 'tap';
import {
  delayReport,
  feedbackMedia,
  fullIntraRequest,
  genericNack,
  goodbye,
  ntpFraction,
  ntpMiddle,
  ntpSeconds,
  pictureLossIndication,
  RTCP,
  readRemb,
  readSenderReport,
  receiverEstimatedBitrate,
  receiverReport,
  referenceTimeReport,
  senderReport,
  unixFromNtp,
  visitDelays,
  visitNack,
  visitReportBlocks,
  visitRtcp,
} from '../../../src/media/index.js';

type Part = { type: number; count: number; offset: number; length: number };

function partsOf(packet: Buffer): Part[] {
  const parts: Part[] = [];
  visitRtcp(packet, {
    rtcp: (_, type, count, offset, length) => parts.push({ type, count, offset, length }),
  });
  return parts;
}

t.test('Unix times survive conversion to NTP and back within a fraction of 1 ms', async (t) => {
  for (const time of [0, 1_795_000_000_123.25, 4_102_444_800_999]) {
    const back = unixFromNtp(ntpSeconds(time), ntpFraction(time));
    t.ok(Math.abs(back - time) < 0.001, `${back}`);
  }
});

t.test('a written sender report is read with the same fields', async (t) => {
  const fields = {
    ssrc: 7,
    time: 1_795_000_000_123,
    timestamp: 99,
    packets: 5,
    bytes: 2 ** 32 + 6,
    cname: 'me',
  };
  const packet = senderReport(fields);
  const parts = partsOf(packet);
  t.same(
    parts.map(({ type, count }) => [type, count]),
    [
      [RTCP.senderReport, 0],
      [RTCP.sourceDescription, 1],
    ],
  );
  const report = readSenderReport(packet, 0, parts[0]!.length)!;
  t.match(report, { ssrc: 7, timestamp: 99 });
  t.ok(Math.abs(report.time - fields.time) < 0.001);
  t.equal(report.middle, packet.readUInt32BE(10));
  t.equal(packet.readUInt32BE(24), 6, 'counts wrap');
  t.equal(readSenderReport(packet, 0, 24), undefined);
});

t.test('a written receiver report is read with the same loss', async (t) => {
  const block = {
    ssrc: 5,
    fractionLost: 0.25,
    lost: -3,
    highest: 70_000,
    jitter: 12.7,
    lastReport: 1,
    delay: 2,
  };
  const packet = receiverReport(1, [block, { ...block, ssrc: 6, fractionLost: 1 }]);
  const seen: unknown[] = [];
  const visitor = { reportBlock: (...values: unknown[]) => seen.push(values) };
  visitReportBlocks(packet, RTCP.receiverReport, 2, 0, packet.length, visitor);
  t.same(seen, [
    [5, 0.25],
    [6, 255 / 256],
  ]);
  t.equal(packet.readIntBE(13, 3), -3);
  visitReportBlocks(packet, RTCP.receiverReport, 31, 0, packet.length, visitor);
  t.equal(seen.length, 4, 'a report count above the number of blocks is bounded');
  t.equal(partsOf(receiverReport(1, new Array(40).fill(block)))[0]!.count, 31);
});

t.test('a NACK lists missing sequence numbers across the wrap and gaps', async (t) => {
  const lost = [65_530, 65_535, 0, 10, 200, 216, 217];
  const packet = genericNack(1, 7, lost);
  t.equal(packet.length, 12 + 4 * 3);
  t.equal(feedbackMedia(packet, 0, packet.length), 7);
  const seen: number[] = [];
  visitNack(packet, 0, packet.length, { nack: (sequence) => seen.push(sequence) });
  t.same(seen, lost);
});

t.test('PLI, FIR, BYE and REMB match the bytes of their specifications', async (t) => {
  t.same(pictureLossIndication(1, 2), Buffer.from('81ce00020000000100000002', 'hex'));
  t.same(fullIntraRequest(1, 2, 3), Buffer.from('84ce000400000001000000000000000203000000', 'hex'));
  t.same(goodbye([5, 6]), Buffer.from('82cb00020000000500000006', 'hex'));
  for (const rate of [0, 1000, 262_143, 2_500_000, 10_000_000_000]) {
    const packet = receiverEstimatedBitrate(1, rate, [5, 6]);
    const read = readRemb(packet, 0, packet.length)!;
    t.ok(read <= rate && rate - read <= rate / 100_000 + 1, `${read}`);
  }
  t.equal(readRemb(pictureLossIndication(1, 2), 0, 12), undefined);
});

t.test('an RTCP compound is read up to the first invalid packet', async (t) => {
  const good = pictureLossIndication(1, 2);
  const wrongVersion = Buffer.from(good);
  wrongVersion[0] = 0x01;
  const tooLong = Buffer.from(good);
  tooLong.writeUInt16BE(0xffff, 2);
  t.equal(partsOf(Buffer.concat([good, good])).length, 2);
  t.equal(partsOf(Buffer.concat([good, wrongVersion, good])).length, 1);
  t.equal(partsOf(Buffer.concat([good, tooLong, good])).length, 1);
  t.equal(partsOf(Buffer.concat([good, Buffer.from([0x80, 200])])).length, 1);
  t.equal(partsOf(Buffer.alloc(0)).length, 0);
});

t.test('a reference time and its answer have the fields of RFC 3611', async (t) => {
  const time = 1_795_000_000_123;
  const reference = referenceTimeReport(7, time);
  t.same(partsOf(reference), [{ type: RTCP.extendedReport, count: 0, offset: 0, length: 20 }]);
  t.equal(reference.readUInt32BE(8), 0x0400_0002, 'block type 4 of two words');
  const middle = ntpMiddle(time);
  t.equal(middle, reference.readUInt32BE(14));

  const answers: number[][] = [];
  const visitor = { delaySinceReference: (...fields: number[]) => void answers.push(fields) };
  const answer = delayReport(9, { ssrc: 1, lastReference: middle, delay: 655 });
  const compound = Buffer.concat([reference, answer]);
  for (const { offset, length } of partsOf(compound)) visitDelays(compound, offset, length, visitor);
  t.same(answers, [[1, middle, 655]]);
});

t.test('extended reports with wrong lengths give no answers', async (t) => {
  const answers: number[][] = [];
  const visitor = { delaySinceReference: (...fields: number[]) => void answers.push(fields) };
  const answer = delayReport(9, { ssrc: 1, lastReference: 2, delay: 3 });
  answer.writeUInt16BE(0xffff, 10);
  visitDelays(answer, 0, answer.length, visitor);
  visitDelays(answer, 0, 8, visitor);
  answer.writeUInt16BE(2, 10);
  visitDelays(answer, 0, answer.length, visitor);
  t.same(answers, []);
});
