import t from 'tap';
import {
  bareRtp,
  genericNack,
  isRtcp,
  originalSequence,
  RTCP,
  RtpHeader,
  readPictureSize,
  readRemb,
  readSenderReport,
  readVp9Descriptor,
  receiverEstimatedBitrate,
  receiverReport,
  restoreOriginal,
  senderReport,
  startsKeyframe,
  visitExtensions,
  visitNack,
  visitReportBlocks,
  visitRtcp,
  writePlainVp9,
} from '../../../src/media/index.js';
import { rtpPacket, SPS_640X360 } from '../../support/media/rtp/synthetic-rtp.js';
import { seededRandom } from '../../support/media/seeded-random.js';

const ROUNDS = 20_000;
const CODECS = ['h264', 'vp8', 'vp9', 'av1'] as const;

const SEEDS = [
  rtpPacket({
    payloadType: 96,
    sequence: 1,
    timestamp: 2,
    ssrc: 3,
    payload: SPS_640X360,
    extensions: [{ id: 1, value: Buffer.from('abc') }],
    padding: 4,
  }),
  rtpPacket({
    payloadType: 97,
    sequence: 1,
    timestamp: 2,
    ssrc: 3,
    payload: Buffer.from('9080ff8181', 'hex'),
  }),
  ...['dd8081030500', 'fa80010700' + '38' + '0140' + '00b4' + '0280' + '0168' + '0104' + '0200'].map((hex) =>
    rtpPacket({ payloadType: 98, sequence: 1, timestamp: 2, ssrc: 3, payload: Buffer.from(hex, 'hex') }),
  ),
  senderReport({ ssrc: 1, time: 1e12, timestamp: 2, packets: 3, bytes: 4, cname: 'name' }),
  receiverReport(1, [
    { ssrc: 5, fractionLost: 0.5, lost: 3, highest: 70_000, jitter: 1, lastReport: 1, delay: 2 },
  ]),
  genericNack(1, 2, [1, 2, 3, 60]),
  receiverEstimatedBitrate(1, 1e6, [1, 2]),
];

function readAll(packet: Buffer): void {
  const header = new RtpHeader();
  if (packet.length >= 2 && isRtcp(packet)) {
    visitRtcp(packet, {
      rtcp(_, type, count, offset, length) {
        readSenderReport(packet, offset, length);
        readRemb(packet, offset, length);
        visitNack(packet, offset, length, { nack() {} });
        if (type === RTCP.senderReport || type === RTCP.receiverReport)
          visitReportBlocks(packet, type, count, offset, length, { reportBlock() {} });
      },
    });
  }
  if (!header.read(packet)) return;
  visitExtensions(packet, header, {
    extension(_, __, offset, length) {
      if (offset + length > packet.length) throw new Error('an extension reaches beyond its packet');
    },
  });
  for (const codec of CODECS) {
    startsKeyframe(codec, packet, header.payloadOffset, header.payloadEnd);
    readPictureSize(codec, packet, header.payloadOffset, header.payloadEnd);
  }
  const vp9 = readVp9Descriptor(packet, header.payloadOffset, header.payloadEnd);
  if (vp9) {
    const plain = Buffer.alloc(packet.length);
    const end = writePlainVp9(plain, 0, vp9, packet);
    const found = readVp9Descriptor(plain, 0, end);
    if (found?.frameOffset !== 1) throw new Error('a plain descriptor is one byte');
  }
  if (originalSequence(packet, header) !== undefined) restoreOriginal(Buffer.from(packet), header, 96, 1);
  bareRtp(packet, header);
}

t.test('random packets never make the RTP and RTCP readers throw or hang (seeded)', async (t) => {
  const random = seededRandom(20_261_122);
  const below = (limit: number): number => Math.floor(random() * limit);
  for (let i = 0; i < ROUNDS; i++) {
    const packet =
      i % 4 === 0
        ? Buffer.from(Array.from({ length: below(80) }, () => below(256)))
        : Buffer.from(SEEDS[below(SEEDS.length)]!);
    for (let n = below(6); n > 0 && packet.length > 0; n--) packet[below(packet.length)] = below(256);
    try {
      readAll(packet.subarray(0, random() < 0.3 ? below(packet.length + 1) : packet.length));
    } catch (error) {
      t.fail(`round ${i}: ${String(error)}`);
      return;
    }
  }
  t.pass(`${ROUNDS} packets`);
});
