import { createSocket } from 'node:dgram';
import t from 'tap';
import {
  genericNack,
  pictureLossIndication,
  receiverEstimatedBitrate,
  receiverReport,
  senderReport,
} from '../../src/media/index.js';
import { pause } from '../../src/platform/index.js';
import type { RtcPeer } from '../support/clients/rtc-peers.js';
import { recordLog } from '../support/fixtures/log-record.js';
import {
  areContinuous,
  connectPublisher,
  EXTENSIONS,
  publisherPlan,
  sequenceNumbersOf,
  startWebrtcPool,
  TestViewer,
  VIDEO,
  VIEW,
} from '../support/gateway/webrtc-pool.js';
import { FrameStream, rtpPacket } from '../support/media/rtp/synthetic-rtp.js';
import { seededRandom } from '../support/media/seeded-random.js';

const random = seededRandom(3);
const below = (limit: number): number => Math.floor(random() * limit);
const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => below(256)));

function mutated(packet: Buffer, from = 0): Buffer {
  const copy = Buffer.from(packet);
  for (let n = 1 + below(4); n > 0; n--) copy[from + below(copy.length - from)] = below(256);
  return copy.subarray(0, random() < 0.2 ? Math.max(from, below(copy.length)) : copy.length);
}

const RTCP_SEEDS = [
  senderReport({ ssrc: VIDEO.ssrc, time: Date.now(), timestamp: 2, packets: 3, bytes: 4, cname: 'name' }),
  receiverReport(1, [
    { ssrc: VIEW.videoSsrc, fractionLost: 0.5, lost: 3, highest: 70_000, jitter: 1, lastReport: 1, delay: 2 },
  ]),
  genericNack(1, VIEW.videoSsrc, [1, 2, 3, 60]),
  receiverEstimatedBitrate(1, 1e6, [1, 2]),
  pictureLossIndication(1, VIEW.videoSsrc),
];

/** Sends mutated RTCP. */
function sendRtcp(peer: RtcPeer, count: number): void {
  for (let i = 0; i < count; i++) {
    const packet = mutated(RTCP_SEEDS[below(RTCP_SEEDS.length)]!);
    // Keeps a packet type that the transport treats as RTCP.
    if (packet.length >= 8) packet[1] = 192 + below(32);
    peer.send(packet);
  }
}

/**
 * Sends keyframes until the viewer has `count` packets: those that arrive while the burst before them fills the worker's
 * socket buffer are lost.
 *
 * @returns packets sent
 */
async function sendUntilForwarded(peer: RtcPeer, viewer: TestViewer, count: number): Promise<number> {
  const stream = new FrameStream(VIDEO);
  let sent = 0;
  for (; viewer.video.length < count; await pause(20)) {
    const frame = stream.nextFrame(true);
    sent += frame.length;
    peer.send(...frame);
  }
  return sent;
}

/** Returns log lines of level error or above: malformed packets must cause none. */
function failuresIn(lines: Record<string, unknown>[]): unknown[] {
  return lines.filter(({ level }) => Number(level) >= 50);
}

t.test('malformed packets of unknown senders are ignored', async (t) => {
  const { log, lines } = recordLog();
  const { pool, peers, firstPort } = await startWebrtcPool(t, { log });
  const { peer } = await connectPublisher(pool, peers, 'source');
  pool.setMediaSource('group', 'source');
  const viewer = await TestViewer.connect(pool, peers, 'group');
  const socket = createSocket('udp4');
  t.teardown(() => void socket.close());
  const stun = Buffer.alloc(20);
  stun.writeUInt16BE(1, 0); // binding request
  stun.writeUInt32BE(0x2112a442, 4); // magic cookie
  const seeds = [
    stun,
    Buffer.concat([stun, Buffer.from('0006000978787878787878787800000000', 'hex')]), // USERNAME
    Buffer.from('16feff0000000000000000003601000000', 'hex'), // DTLS handshake
    Buffer.from('17fefd0001000000000000', 'hex'),
    rtpPacket({ ...VIDEO, sequence: 1, timestamp: 1, payload: bytes(50) }),
    ...RTCP_SEEDS,
  ];
  for (let i = 0; i < 3000; i++) {
    const packet = i % 5 === 0 ? bytes(below(200)) : mutated(seeds[below(seeds.length)]!);
    await new Promise((resolve) => socket.send(packet, firstPort, '127.0.0.1', resolve));
  }
  const sent = await sendUntilForwarded(peer, viewer, 3);
  const { workers } = await pool.stats();
  t.match(workers, [{ publishers: 1, viewers: 1, packetsStale: 0 }]);
  t.ok(workers[0]!.packetsIn <= sent, `${workers[0]!.packetsIn} of ${sent} packets were received`);
  t.same(failuresIn(lines()), []);
});

t.test('malformed RTP and RTCP of a publisher and a viewer do not affect other peers', async (t) => {
  const { log, lines } = recordLog();
  const { pool, peers } = await startWebrtcPool(t, { log });
  const bad = await connectPublisher(pool, peers, 'bad', publisherPlan({ rids: ['a', 'b', 'c'] }));
  pool.setMediaSource('bad group', 'bad');
  const badViewer = await TestViewer.connect(pool, peers, 'bad group');
  const { peer } = await connectPublisher(pool, peers, 'source');
  pool.setMediaSource('group', 'source');
  const viewer = await TestViewer.connect(pool, peers, 'group');
  const rid = { id: EXTENSIONS.rid, value: Buffer.from('a') };
  const transport = { id: EXTENSIONS.transportSequence, value: Buffer.from([1, 2]) };
  let sequence = 1;
  for (let i = 0; i < 1500; i++) {
    const seed = rtpPacket({
      payloadType: [VIDEO.payloadType, VIDEO.rtxPayloadType, 111, 99][below(4)]!,
      ssrc: 1 + below(3),
      sequence: sequence++,
      timestamp: below(2 ** 32),
      payload: bytes(1 + below(40)),
      extensions: [rid, transport, { id: EXTENSIONS.repairedRid, value: bytes(1 + below(16)) }],
      padding: below(3) * 4,
    });
    // The fixed header is kept, because the sender's own SRTP checks it.
    bad.peer.send(mutated(seed, 12));
  }
  sendRtcp(bad.peer, 1500);
  sendRtcp(badViewer.peer, 1500);
  await sendUntilForwarded(peer, viewer, 6);
  t.ok(areContinuous(sequenceNumbersOf(viewer.video)));
  t.match((await pool.stats()).workers, [{ publishers: 2, viewers: 2 }]);
  t.same(failuresIn(lines()), []);
});

t.test('malformed packets at encoder ports are not forwarded', async (t) => {
  const { log, lines } = recordLog();
  const { pool, peers } = await startWebrtcPool(t, { log });
  const input = await pool.receiveRtp({ mediaSourceId: 'source', video: { codec: 'h264' } });
  t.teardown(() => input.close());
  pool.setMediaSource('group', 'source');
  const viewer = await TestViewer.connect(pool, peers, 'group');
  const socket = createSocket('udp4');
  t.teardown(() => void socket.close());
  const send = (packet: Buffer, port: number): Promise<unknown> =>
    new Promise((resolve) => socket.send(packet, port, '127.0.0.1', resolve));
  for (let i = 0; i < 500; i++) {
    await send(bytes(below(60)), input.videoPort!);
    await send(mutated(RTCP_SEEDS[0]!), input.videoPort! + 1);
  }
  for (const packet of new FrameStream({ payloadType: 96, ssrc: 5 }).nextFrame(true))
    await send(packet, input.videoPort!);
  const packets = await viewer.untilVideoPackets(3);
  t.equal(packets.filter((packet) => (packet[12]! & 0x1f) === 7).length, 1);
  t.same(failuresIn(lines()), []);
});
