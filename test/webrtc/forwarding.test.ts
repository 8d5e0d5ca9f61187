import t from 'tap';
import { genericNack, senderReport } from '../../src/media/index.js';
import { pause } from '../../src/platform/index.js';
import {
  AUDIO,
  areContinuous,
  connectPublisher,
  EXTENSIONS,
  publisherPlan,
  sequenceNumbersOf,
  startWebrtcPool,
  TestViewer,
  timestampsOf,
  VIDEO,
  VIEW,
  viewerPlan,
} from '../support/gateway/webrtc-pool.js';
import { FrameStream, rtpPacket } from '../support/media/rtp/synthetic-rtp.js';

const NACK = (packet: Buffer): boolean => packet[1] === 205 && (packet[0]! & 0x1f) === 1;
const TRANSPORT_CC = (packet: Buffer): boolean => packet[1] === 205 && (packet[0]! & 0x1f) === 15;
const PLI = (packet: Buffer): boolean => packet[1] === 206 && (packet[0]! & 0x1f) === 1;
const REMB = (packet: Buffer): boolean => packet[1] === 206 && (packet[0]! & 0x1f) === 15;

t.test('viewers in all workers get contiguous, rewritten packets of a publisher in one worker', async (t) => {
  const { pool, peers } = await startWebrtcPool(t, { workers: 2, spreadAfter: 0 });
  const { peer, publishing } = await connectPublisher(pool, peers, 'source');
  pool.setMediaSource('group', 'source');
  const stream = new FrameStream(VIDEO);
  peer.send(...stream.nextFrame(true));
  const viewers: TestViewer[] = [];
  for (let i = 0; i < 4; i++) viewers.push(await TestViewer.connect(pool, peers, 'group'));
  for (let i = 0; i < 20; i++) peer.send(...stream.nextFrame(false));
  for (const viewer of viewers) {
    const packets = await viewer.untilVideoPackets(43);
    t.ok(areContinuous(sequenceNumbersOf(packets)), 'sequence numbers are contiguous');
    t.equal(packets[0]![12]! & 0x1f, 7, 'starts with the parameter sets of the buffered keyframe');
    t.ok(packets.every((packet) => (packet[1]! & 0x7f) === VIEW.video));
    t.equal(packets.filter((packet) => packet[1]! & 0x80).length, 21, 'markers are kept');
    t.ok(
      packets.every((packet) => (packet[0]! & 0x3f) === 0),
      'no extension, no padding',
    );
  }
  const { workers } = await pool.stats();
  t.ok(
    workers.every((worker) => worker.viewers > 0),
    'both workers have viewers',
  );
  t.equal(
    workers.reduce((sum, worker) => sum + worker.packetsIn, 0),
    43,
  );
  t.ok(publishing.local.candidates.length > 0);
});

t.test(
  'viewers that join after media were forgotten begin with the next keyframe, in all workers',
  async (t) => {
    const { pool, peers } = await startWebrtcPool(t, { workers: 2, spreadAfter: 0 });
    const { peer } = await connectPublisher(pool, peers, 'source');
    pool.setMediaSource('group', 'source');
    const stream = new FrameStream(VIDEO);
    peer.send(...stream.nextFrame(true));
    const early = [
      await TestViewer.connect(pool, peers, 'group'),
      await TestViewer.connect(pool, peers, 'group'),
    ];
    for (const viewer of early) await viewer.untilVideoPackets(3);
    peer.send(...stream.nextFrame(false, 4));
    pool.forgetMedia('group');
    await peer.until(() => peer.received.some(PLI));
    const late = [
      await TestViewer.connect(pool, peers, 'group'),
      await TestViewer.connect(pool, peers, 'group'),
    ];
    peer.send(...stream.nextFrame(false, 4));
    peer.send(...stream.nextFrame(true));
    for (let i = 0; i < 5; i++) peer.send(...stream.nextFrame(false));
    for (const viewer of late) {
      const packets = await viewer.untilVideoPackets(13);
      t.equal(packets[0]![12]! & 0x1f, 7, 'begins with the parameter sets of a keyframe');
      t.equal(packets.filter((packet) => packet[1]! & 0x80).length, 6, 'it is the one after');
      t.ok(areContinuous(sequenceNumbersOf(packets)));
    }
    for (const viewer of early)
      t.ok(areContinuous(sequenceNumbersOf(await viewer.untilVideoPackets(24))), 'the others play on');
  },
);

t.test('a lost packet is requested by NACK, and its retransmission reaches viewers', async (t) => {
  const { pool, peers } = await startWebrtcPool(t);
  const { peer } = await connectPublisher(pool, peers, 'source');
  pool.setMediaSource('group', 'source');
  const viewer = await TestViewer.connect(pool, peers, 'group');
  const stream = new FrameStream(VIDEO);
  const packets = [...stream.nextFrame(true), ...stream.nextFrame(false, 4)];
  const [lost] = packets.splice(4, 1);
  peer.send(...packets);
  await peer.until(() => peer.received.some(NACK));
  const nack = peer.received.find(NACK)!;
  t.equal(nack.readUInt32BE(8), VIDEO.ssrc);
  t.equal(nack.readUInt16BE(12), lost!.readUInt16BE(2));
  t.equal(nack.readUInt16BE(14), 0);

  const repair = rtpPacket({
    payloadType: VIDEO.rtxPayloadType,
    ssrc: VIDEO.rtxSsrc,
    sequence: 1,
    timestamp: lost!.readUInt32BE(4),
    payload: Buffer.concat([lost!.subarray(2, 4), lost!.subarray(12)]),
  });
  // Probing padding and retransmissions of packets that were not missing are not forwarded.
  const probe = rtpPacket({
    payloadType: VIDEO.rtxPayloadType,
    ssrc: VIDEO.rtxSsrc,
    sequence: 2,
    timestamp: 0,
    padding: 200,
  });
  const needless = rtpPacket({
    payloadType: VIDEO.rtxPayloadType,
    ssrc: VIDEO.rtxSsrc,
    sequence: 3,
    timestamp: 0,
    payload: Buffer.concat([packets[1]!.subarray(2, 4), packets[1]!.subarray(12)]),
  });
  peer.send(needless, probe, repair);
  const got = await viewer.untilVideoPackets(7);
  const sorted = sequenceNumbersOf(got).sort((a, b) => a - b);
  t.ok(areContinuous(sorted));
  const repaired = got.find((packet) => packet.readUInt16BE(2) === sorted[4])!;
  t.same(repaired.subarray(12), lost!.subarray(12), 'the payload is that of the lost packet');
  t.equal(repaired.readUInt32BE(4), lost!.readUInt32BE(4));
});

t.test("padding-only packets leave no gap in the viewers' sequence numbers", async (t) => {
  const { pool, peers } = await startWebrtcPool(t);
  const { peer } = await connectPublisher(pool, peers, 'source');
  pool.setMediaSource('group', 'source');
  const viewer = await TestViewer.connect(pool, peers, 'group');
  const stream = new FrameStream({ ...VIDEO, sequence: 65_530 });
  peer.send(...stream.nextFrame(true));
  for (let i = 0; i < 3; i++) {
    peer.send(
      rtpPacket({ ...VIDEO, sequence: stream.sequence++, timestamp: stream.timestamp, padding: 100 }),
    );
    peer.send(...stream.nextFrame(false));
  }
  const packets = await viewer.untilVideoPackets(9);
  t.ok(areContinuous(sequenceNumbersOf(packets)), 'contiguous across the wrap');
  t.ok(packets.every((packet) => packet.length > 12));
});

t.test("a viewer's NACK is answered by RTX when negotiated, else by the original packet", async (t) => {
  const { pool, peers } = await startWebrtcPool(t);
  const { peer } = await connectPublisher(pool, peers, 'source');
  pool.setMediaSource('group', 'source');
  const withRtx = await TestViewer.connect(pool, peers, 'group');
  const plain = await TestViewer.connect(
    pool,
    peers,
    'group',
    viewerPlan({ codecs: [{ codec: 'h264', payloadType: VIEW.video }] }),
  );
  const stream = new FrameStream(VIDEO);
  peer.send(...stream.nextFrame(true), ...stream.nextFrame(false));
  const wanted = (await withRtx.untilVideoPackets(5))[3]!;
  withRtx.peer.send(genericNack(9, VIEW.videoSsrc, [wanted.readUInt16BE(2)]));
  await withRtx.peer.until(() => withRtx.rtx.length > 0);
  const [rtx] = withRtx.rtx;
  t.equal(rtx![1]! & 0x7f, VIEW.rtx);
  t.same(rtx!.subarray(12, 14), wanted.subarray(2, 4), 'starts with the original sequence number');
  t.same(rtx!.subarray(14), wanted.subarray(12));
  t.same(rtx!.subarray(4, 8), wanted.subarray(4, 8));

  // SRTP drops duplicates, so the worker's counter is checked instead.
  const numbers = sequenceNumbersOf(await plain.untilVideoPackets(5));
  plain.peer.send(genericNack(9, VIEW.videoSsrc, [numbers[2]!, numbers[4]!]));
  for (let sent = 1; sent < 3; ) sent = (await pool.stats()).workers[0]!.retransmitted;
  t.equal((await pool.stats()).workers[0]!.retransmitted, 3);
  t.same(plain.rtx, []);
});

t.test('retransmissions are limited when a viewer requests all packets repeatedly', async (t) => {
  const { pool, peers } = await startWebrtcPool(t);
  const { peer } = await connectPublisher(pool, peers, 'source');
  pool.setMediaSource('group', 'source');
  const viewer = await TestViewer.connect(pool, peers, 'group');
  const stream = new FrameStream(VIDEO);
  peer.send(...stream.nextFrame(true, 20));
  const numbers = sequenceNumbersOf(await viewer.untilVideoPackets(21));
  for (let i = 0; i < 100; i++) viewer.peer.send(genericNack(9, VIEW.videoSsrc, numbers));
  peer.send(...stream.nextFrame(false));
  await viewer.untilVideoPackets(23);
  const { workers } = await pool.stats();
  t.ok(workers[0]!.retransmitted < 400, `${workers[0]!.retransmitted} of 2,100`);
});

t.test(
  'a publisher gets transport-wide feedback and REMB, and few PLIs for the requests of many viewers',
  async (t) => {
    const { pool, peers } = await startWebrtcPool(t);
    const { peer } = await connectPublisher(pool, peers, 'source', publisherPlan(), 2_500_000);
    pool.setMediaSource('group', 'source');
    const stream = new FrameStream(VIDEO);
    // No keyframe: viewers need a request to the publisher.
    peer.send(...stream.nextFrame(false));
    const first = await TestViewer.connect(pool, peers, 'group');
    await peer.until(() => peer.received.some(PLI));
    for (let i = 0; i < 5; i++) {
      await TestViewer.connect(pool, peers, 'group');
      first.peer.send(Buffer.from('81ce000200000001', 'hex'), Buffer.from('81ce00020000000100000457', 'hex'));
    }
    const value = Buffer.alloc(2);
    for (let i = 0; i < 10; i++) {
      value.writeUInt16BE(i);
      peer.send(
        ...stream.nextFrame(false, 1, [{ id: EXTENSIONS.transportSequence, value: Buffer.from(value) }]),
      );
    }
    await peer.until(() => peer.received.some(REMB) && peer.received.some(TRANSPORT_CC));
    const remb = peer.received.find(REMB)!;
    const rate = (((remb[17]! & 3) << 16) | remb.readUInt16BE(18)) * 2 ** (remb[17]! >> 2);
    t.ok(Math.abs(rate - 2_500_000) < 10_000, `${rate} bit/s`);
    const reported = peer.received
      .filter(TRANSPORT_CC)
      .reduce((sum, packet) => sum + packet.readUInt16BE(14), 0);
    t.equal(reported, 10, 'feedback covers every packet');
    t.ok(peer.received.filter(PLI).length <= 3, 'requests of six viewers are coalesced');
    t.equal(peer.received.find(PLI)!.readUInt32BE(8), VIDEO.ssrc);
  },
);

t.test('audio is forwarded unchanged, with the gaps of DTX', async (t) => {
  const { pool, peers } = await startWebrtcPool(t);
  const { peer, publishing } = await connectPublisher(pool, peers, 'source');
  const found: unknown[] = [];
  publishing.onSource((source) => {
    found.push(source.audio);
    peer.recheck();
  });
  pool.setMediaSource('group', 'source');
  const viewer = await TestViewer.connect(pool, peers, 'group');
  const payload = Buffer.from([0x7c, 1, 2, 3]);
  for (let i = 0; i < 5; i++)
    peer.send(
      rtpPacket({
        ...AUDIO,
        sequence: 10 + i,
        timestamp: i < 3 ? 960 * i : 9600 * i,
        marker: i === 3,
        payload,
      }),
    );
  await viewer.peer.until(() => viewer.audio.length === 5);
  t.ok(areContinuous(sequenceNumbersOf(viewer.audio)));
  const times = timestampsOf(viewer.audio);
  t.same(
    times.map((time) => time - times[0]!),
    [0, 960, 1920, 28_800, 38_400],
  );
  t.same(viewer.audio[3]!.subarray(12), payload);
  t.equal(viewer.audio[3]![1], 0x80 | VIEW.audio);
  await peer.until(() => found.some((audio) => audio !== undefined));
  t.match(found.find(Boolean), { codec: 'opus', sampleRate: 48_000, channels: 2 });
});

t.test("viewers get sender reports on this machine's clock with their own counters", async (t) => {
  const { pool, peers } = await startWebrtcPool(t);
  const { peer } = await connectPublisher(pool, peers, 'source');
  pool.setMediaSource('group', 'source');
  const viewer = await TestViewer.connect(pool, peers, 'group');
  const stream = new FrameStream(VIDEO);
  const { timestamp } = stream;
  peer.send(...stream.nextFrame(true));
  await viewer.untilVideoPackets(3);
  // The publisher's clock is an hour behind.
  const report = { ssrc: VIDEO.ssrc, time: Date.now() - 3_600_000, packets: 1, bytes: 1, cname: 'x' };
  viewer.peer.received.splice(0);
  peer.send(senderReport({ ...report, timestamp }));
  const isReport = (packet: Buffer): boolean =>
    packet[1] === 200 && packet.readUInt32BE(4) === VIEW.videoSsrc;
  await viewer.peer.until(() => viewer.peer.received.some(isReport));
  const got = viewer.peer.received.findLast(isReport)!;
  const unix = (got.readUInt32BE(8) - 2_208_988_800) * 1000 + (got.readUInt32BE(12) / 2 ** 32) * 1000;
  t.ok(Math.abs(unix - Date.now()) < 2000, 'time is that of this machine');
  t.ok(Math.abs(got.readUInt32BE(16) - timestamp) < 90_000 * 2, 'timestamp matches the time');
  t.ok(got.readUInt32BE(20) >= 3, 'packet count is set');
});

t.test("video orientation is forwarded with the viewer's header extension id", async (t) => {
  const { pool, peers } = await startWebrtcPool(t);
  const { peer } = await connectPublisher(pool, peers, 'source');
  pool.setMediaSource('group', 'source');
  const viewer = await TestViewer.connect(pool, peers, 'group');
  const stream = new FrameStream(VIDEO);
  peer.send(...stream.nextFrame(true, 1, [{ id: EXTENSIONS.orientation, value: Buffer.from([1]) }]));
  const [packet] = await viewer.untilVideoPackets(2);
  t.equal(packet![0]! & 0x10, 0x10);
  t.same(packet!.subarray(12, 20), Buffer.from('bede000160010000', 'hex'));
  t.equal(packet![20]! & 0x1f, 7);
});

t.test('a restarted encoder leaves no gap in sequence numbers', async (t) => {
  const { pool, peers } = await startWebrtcPool(t);
  const { peer } = await connectPublisher(pool, peers, 'source');
  pool.setMediaSource('group', 'source');
  const viewer = await TestViewer.connect(pool, peers, 'group');
  const stream = new FrameStream({ ...VIDEO, sequence: 1000 });
  peer.send(...stream.nextFrame(true), ...stream.nextFrame(false));
  await viewer.untilVideoPackets(5);
  const anew = new FrameStream({ ...VIDEO, ssrc: 7777, sequence: 40_000, timestamp: 3_000_000_000 });
  // A packet with a foreign SSRC is ignored while the encoder sends.
  peer.send(rtpPacket({ ...VIDEO, ssrc: 666, sequence: 1, timestamp: 1, payload: Buffer.from([0x41, 1]) }));
  peer.send(...stream.nextFrame(false));
  await viewer.untilVideoPackets(7);
  await pause(600);
  peer.send(...anew.nextFrame(false, 1), ...anew.nextFrame(true), ...anew.nextFrame(false));
  const packets = await viewer.untilVideoPackets(12);
  t.ok(areContinuous(sequenceNumbersOf(packets)));
  const times = timestampsOf(packets);
  t.ok(
    times.every((time, i) => i === 0 || time >= times[i - 1]!),
    'timestamps do not decrease',
  );
  t.ok(times.at(-1)! - times[0]! < 90_000 * 20, 'timestamps do not jump');
});
