import { spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import t from 'tap';
import { senderReport } from '../../src/media/index.js';
import {
  AUDIO,
  areContinuous,
  connectPublisher,
  publisherPlan,
  sequenceNumbersOf,
  startWebrtcPool,
  TestViewer,
  timestampsOf,
  VIDEO,
  VIEW,
} from '../support/gateway/webrtc-pool.js';
import { FrameStream, rtpPacket } from '../support/media/rtp/synthetic-rtp.js';

type Port = { port: number; rtp: Buffer[]; rtcp: Buffer[]; order: string[] };

/** Binds two consecutive ports and records their packets. */
async function listen(t: { teardown(task: () => void): void }, name: string, order: string[]): Promise<Port> {
  for (;;) {
    const rtp = createSocket('udp4');
    rtp.bind(0, '127.0.0.1');
    await once(rtp, 'listening');
    const { port } = rtp.address();
    const rtcp = createSocket('udp4');
    const bound = await new Promise<boolean>((resolve) => {
      rtcp.once('error', () => resolve(false));
      rtcp.bind(port + 1, '127.0.0.1', () => resolve(true));
    });
    const close = (socket: Socket): void => void socket.close();
    if (!bound) {
      close(rtp);
      continue;
    }
    const ports: Port = { port, rtp: [], rtcp: [], order };
    rtp.on('message', (packet) => {
      ports.rtp.push(packet);
      order.push(`${name} rtp`);
    });
    rtcp.on('message', (packet) => {
      ports.rtcp.push(packet);
      order.push(`${name} rtcp`);
    });
    t.teardown(() => {
      close(rtp);
      close(rtcp);
    });
    return ports;
  }
}

function payloadOf(packet: Buffer): string {
  return packet.subarray(12).toString('hex');
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
}

t.test('RTP of ffmpeg on loopback ports reaches viewers, and late joiners start at once', async (t) => {
  const { pool, peers } = await startWebrtcPool(t, { workers: 2, spreadAfter: 0 });
  const input = await pool.receiveRtp({ mediaSourceId: 'source', video: { codec: 'h264' }, audio: true });
  t.ok(input.videoPort! % 2 === 0 && input.audioPort! % 2 === 0);
  pool.setMediaSource('group', 'source');
  const first = await TestViewer.connect(pool, peers, 'group');
  const output = (port: number): string => `rtp://127.0.0.1:${port}?pkt_size=1200&rtcpport=${port + 1}`;
  const ffmpeg = spawn(
    'ffmpeg',
    [
      ...'-nostdin -loglevel error -re -f lavfi -i testsrc2=s=320x180:r=30 -re -f lavfi -i sine=r=48000'.split(
        ' ',
      ),
      ...'-map 0:v -c:v libx264 -preset ultrafast -tune zerolatency -bf 0 -g 60 -pix_fmt yuv420p'.split(' '),
      ...'-f rtp -payload_type 96'.split(' '),
      output(input.videoPort!),
      ...'-map 1:a -c:a libopus -ac 2 -f rtp -payload_type 97'.split(' '),
      output(input.audioPort!),
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  t.teardown(() => ffmpeg.kill('SIGKILL'));
  await first.untilVideoPackets(60);
  // Joins within a group of pictures: this encoder takes no keyframe requests.
  const second = await TestViewer.connect(pool, peers, 'group');
  await second.untilVideoPackets(60);
  for (const viewer of [first, second]) {
    await viewer.peer.until(() => viewer.audio.length > 10);
    t.ok(areContinuous(sequenceNumbersOf(viewer.video)));
    t.ok(areContinuous(sequenceNumbersOf(viewer.audio)));
    const type = viewer.video[0]![12]! & 0x1f;
    t.ok(type === 7 || type === 24, 'starts with parameter sets');
    const reports = viewer.rtcp.filter((packet) => packet[1] === 200).map((packet) => packet.readUInt32BE(4));
    t.ok(
      reports.includes(VIEW.videoSsrc) && reports.includes(VIEW.audioSsrc),
      'sender reports of both streams',
    );
  }
  ffmpeg.kill('SIGKILL');
  input.close();
  await first.event('inactive');
});

t.test(
  'an encoder gets a source in order with contiguous numbers, after sender reports and from a keyframe',
  async (t) => {
    const { pool, peers } = await startWebrtcPool(t);
    const { peer } = await connectPublisher(pool, peers, 'source');
    const order: string[] = [];
    const video = await listen(t, 'video', order);
    const audio = await listen(t, 'audio', order);
    const stream = new FrameStream({ ...VIDEO, sequence: 65_530 });
    const audioFields = { sequence: 500, timestamp: 1000 };
    const send = (keyframe: boolean, lose?: number): void => {
      const packets = stream.nextFrame(keyframe);
      if (lose !== undefined) packets.splice(lose, 1);
      peer.send(...packets);
      audioFields.sequence++;
      audioFields.timestamp += 960;
      peer.send(rtpPacket({ ...AUDIO, ...audioFields, payload: Buffer.from([0x78, 1, 2, 3]), padding: 8 }));
    };
    send(true);
    send(false);
    const report = { packets: 1, bytes: 1, cname: 'x', time: Date.now() };
    peer.send(senderReport({ ...report, ssrc: VIDEO.ssrc, timestamp: stream.timestamp }));
    await until(() => peer.received.length > 0);
    const output = await pool.sendRtp({
      mediaSourceId: 'source',
      videoPort: video.port,
      audioPort: audio.port,
    });
    const timer = setInterval(() => send(stream.timestamp % 30_000 === 0), 33);
    t.teardown(() => clearInterval(timer));
    await until(() => video.rtp.length > 10 && audio.rtp.length > 10);
    for (const kind of ['video', 'audio'])
      t.ok(
        order.indexOf(`${kind} rtcp`) < order.findIndex((event) => event.endsWith(' rtp')),
        `${kind} report first`,
      );
    t.equal(video.rtp[0]![12]! & 0x1f, 7, 'starts with a keyframe');
    clearInterval(timer);
    // A lost packet is omitted from the numbering after the wait.
    send(false, 1);
    send(true);
    const count = video.rtp.length;
    await until(() => video.rtp.length >= count + 4);
    send(false);
    await until(() => video.rtp.length >= count + 6);
    for (const { rtp } of [video, audio]) t.ok(areContinuous(sequenceNumbersOf(rtp)));
    t.ok(video.rtp.every((packet) => packet[1]! % 128 === 96 && (packet[0]! & 0x3f) === 0));
    t.ok(
      audio.rtp.every((packet) => packet[1]! % 128 === 97 && /^(78010203|f8fffe)$/.test(payloadOf(packet))),
      'no padding; silence in place of missing audio',
    );
    const times = timestampsOf(video.rtp);
    t.ok(times.every((time, i) => i === 0 || time >= times[i - 1]!));
    output.close();
    const closedAt = video.rtp.length;
    send(true);
    await peer.until(() => true);
    await pool.stats();
    t.equal(video.rtp.length, closedAt);
  },
);

t.test('an encoder gets the best layer, and a lower one while that is inactive', async (t) => {
  const { pool, peers } = await startWebrtcPool(t);
  const rids = ['l', 'h'];
  const { peer } = await connectPublisher(pool, peers, 'source', publisherPlan({ rids }));
  const video = await listen(t, 'video', []);
  const streams = rids.map((_, i) => new FrameStream({ ...VIDEO, ssrc: 7000 + i }));
  const sizes = [50, 700];
  let sending = [0, 1];
  let frames = 0;
  const timer = setInterval(() => {
    for (const i of sending) {
      const rid = [{ id: 3, value: Buffer.from(rids[i]!) }];
      peer.send(...streams[i]!.nextFrame(frames % 10 === 0, 1, rid, sizes[i]));
    }
    frames++;
  }, 33);
  t.teardown(() => clearInterval(timer));
  await until(() => frames > 70);
  await pool.sendRtp({ mediaSourceId: 'source', videoPort: video.port });
  await until(() => video.rtp.length > 20);
  t.ok(video.rtp.some((packet) => packet.length === 712));
  sending = [0];
  const count = video.rtp.length;
  await until(() => video.rtp.length > count + 20);
  t.equal(video.rtp.at(-1)!.length, 62);
  t.ok(areContinuous(sequenceNumbersOf(video.rtp)));
  const times = timestampsOf(video.rtp);
  t.ok(times.every((time, i) => i === 0 || time >= times[i - 1]!));
});
