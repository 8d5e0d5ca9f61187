import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import t, { type Test } from 'tap';
import { senderReport } from '../../src/media/index.js';
import type { WebrtcPool } from '../../src/webrtc/index.js';
import type { RtcPeer } from '../support/clients/rtc-peers.js';
import {
  AUDIO,
  connectPublisher,
  publisherPlan,
  startWebrtcPool,
  VIDEO,
} from '../support/gateway/webrtc-pool.js';
import { run } from '../support/media/encoder.js';
import { av1Payloads, encodeAv1, temporalUnits } from '../support/media/rtp/av1-rtp.js';
import { rtpPacket } from '../support/media/rtp/synthetic-rtp.js';

const clip = encodeAv1(t).then(temporalUnits);
const OPUS_SILENCE = Buffer.from('f8fffe', 'hex');
const FRAME_INTERVAL_MS = 33;

/** Publishes AV1 and Opus in real time until the test ends. */
async function publishing(t: Test, pool: WebrtcPool, peer: RtcPeer): Promise<{ stop(): void }> {
  const units = await clip;
  const startedAt = Date.now();
  let frame = 0;
  let sequence = 100;
  let audioCount = 0;
  const report = (ssrc: number, rate: number): Buffer =>
    senderReport({
      ssrc,
      time: Date.now(),
      timestamp: (Date.now() - startedAt) * rate,
      packets: 1,
      bytes: 1,
      cname: 'x',
    });
  const send = (): void => {
    const now = Date.now() - startedAt;
    const payloads = av1Payloads(units[frame++ % units.length] ?? [], { mtu: 1100, counted: true });
    const packets = payloads.map((payload, i) => {
      const marker = i === payloads.length - 1;
      return rtpPacket({ ...VIDEO, sequence: sequence++, timestamp: now * 90, marker, payload });
    });
    for (; audioCount * 20 <= now; audioCount++)
      packets.push(
        rtpPacket({ ...AUDIO, sequence: 7 + audioCount, timestamp: audioCount * 960, payload: OPUS_SILENCE }),
      );
    peer.send(...packets);
  };
  send();
  const timers = [
    setInterval(send, FRAME_INTERVAL_MS),
    setInterval(() => peer.send(report(VIDEO.ssrc, 90), report(AUDIO.ssrc, 48)), 200),
  ];
  const stop = (): void => timers.forEach(clearInterval);
  t.teardown(stop);
  await until(async () => (await pool.stats()).workers.some(({ packetsIn }) => packetsIn > 60));
  return { stop };
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Connects and records the stream. */
async function read(
  t: Test,
  path: string,
): Promise<{ socket: Socket; bytes: () => Buffer; ended: Promise<unknown> }> {
  const socket = connect(path);
  t.teardown(() => socket.destroy());
  const parts: Buffer[] = [];
  socket.on('data', (bytes) => parts.push(bytes));
  const ended = once(socket, 'end');
  await once(socket, 'connect');
  return { socket, bytes: () => Buffer.concat(parts), ended };
}

/** Returns stream index and time (s) of packets, by ffprobe. */
async function packetsOf(t: Test, bytes: Buffer): Promise<[stream: number, time: number][]> {
  const file = path.join(t.testdir(), 'stream.mkv');
  writeFileSync(file, bytes);
  const args = ['-v', 'error', '-show_entries', 'packet=stream_index,pts_time', '-of', 'csv=p=0', file];
  const { stdout } = await run('ffprobe', args);
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.split(',').map(Number) as [number, number]);
}

const AV1 = publisherPlan({ codec: 'av1' });

t.test("a reader gets video and audio with this machine's time until the output is closed", async (t) => {
  const { pool, peers } = await startWebrtcPool(t);
  const { peer } = await connectPublisher(pool, peers, 'source', AV1);
  await publishing(t, pool, peer);
  const zero = Date.now() - 10_000;
  const output = await pool.sendMatroska({ mediaSourceId: 'source', audio: true, zero });
  const reader = await read(t, output.path);
  await until(() => reader.bytes().length > 60_000);
  const other = connect(output.path);
  const [refusal] = (await once(other, 'error')) as [NodeJS.ErrnoException];
  t.equal(refusal.code, 'ENOENT', 'accepts one reader');
  const before = (Date.now() - zero) / 1000;
  output.close();
  await reader.ended;
  const packets = await packetsOf(t, reader.bytes());
  for (const [index, kind] of ['video', 'audio'].entries()) {
    const times = packets.filter(([stream]) => stream === index).map(([, time]) => time);
    t.ok(times.length > 20, `${times.length} ${kind}`);
    t.ok(
      (times[0] ?? 0) > 9.5 && (times.at(-1) ?? 0) <= before,
      `${kind} from ${times[0]} to ${times.at(-1)}`,
    );
    t.ok((times.at(-1) ?? 0) > before - 0.5, 'up to the close');
    t.ok(times.every((time, i) => i === 0 || time >= (times[i - 1] ?? 0)));
  }
  t.match((await pool.stats()).workers, [{ publishers: 1 }]);
});

t.test('the stream stays open when the publisher closes, until the gateway closes the output', async (t) => {
  const { pool, peers } = await startWebrtcPool(t);
  const { peer, publishing: publication } = await connectPublisher(pool, peers, 'source', AV1);
  const { stop } = await publishing(t, pool, peer);
  const output = await pool.sendMatroska({ mediaSourceId: 'source', audio: false, zero: Date.now() });
  const reader = await read(t, output.path);
  await until(() => reader.bytes().length > 1_000);
  stop();
  publication.close();
  await publication.closed;
  await pool.stats();
  let over = false;
  void reader.ended.then(() => (over = true));
  await pool.stats();
  t.notOk(over);
  output.close();
  await reader.ended;
  t.ok(
    (await packetsOf(t, reader.bytes())).every(([stream]) => stream === 0),
    'no audio stream',
  );
});

t.test(
  'the stream ends with its worker, and a reader that disconnects affects no other output',
  async (t) => {
    const { pool, peers } = await startWebrtcPool(t);
    const { peer } = await connectPublisher(pool, peers, 'source', AV1);
    await publishing(t, pool, peer);
    const first = await pool.sendMatroska({ mediaSourceId: 'source', audio: true, zero: Date.now() });
    const firstReader = await read(t, first.path);
    await until(() => firstReader.bytes().length > 1_000);
    firstReader.socket.destroy();
    const second = await pool.sendMatroska({ mediaSourceId: 'source', audio: true, zero: Date.now() });
    const reader = await read(t, second.path);
    await until(() => reader.bytes().length > 1_000);
    first.close();
    await pool.close();
    await Promise.race([reader.ended, once(reader.socket, 'close')]);
  },
);

t.test('a source that is missing or has another codec than AV1 is rejected', async (t) => {
  const { pool, peers } = await startWebrtcPool(t);
  await connectPublisher(pool, peers, 'source');
  await t.rejects(pool.sendMatroska({ mediaSourceId: 'source', audio: true, zero: 0 }), /AV1 only, not h264/);
  await t.rejects(
    pool.sendMatroska({ mediaSourceId: 'other', audio: true, zero: 0 }),
    /no such media source/,
  );
});
