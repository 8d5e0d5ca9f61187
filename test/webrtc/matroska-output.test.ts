import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import t, { type Test } from 'tap';
import { senderReport } from '../../src/media/index.js';
import type { WebrtcPool } from '../../src/webrtc/index.js';
import { av1Film, av1Payloads, temporalUnits } from '../support/av1-rtp.js';
import { run } from '../support/encoder.js';
import type { RtcPeer } from '../support/rtc-peers.js';
import { rtpPacket } from '../support/synthetic-rtp.js';
import { AUDIO, publish, publisherPlan, startPool, VIDEO } from '../support/webrtc-pool.js';

const film = av1Film(t).then(temporalUnits);
const SOUND = Buffer.from('f8fffe', 'hex');
const PICTURE_MS = 33;

/** Publishes AV1 and Opus in real time, from a keyframe again when one is asked for, until the test ends. */
async function publishing(t: Test, pool: WebrtcPool, peer: RtcPeer): Promise<{ stop(): void }> {
  const units = await film;
  const begun = Date.now();
  let picture = 0;
  let sequence = 100;
  let sound = 0;
  const report = (ssrc: number, rate: number): Buffer =>
    senderReport({
      ssrc,
      time: Date.now(),
      timestamp: (Date.now() - begun) * rate,
      packets: 1,
      bytes: 1,
      cname: 'x',
    });
  const send = (): void => {
    const now = Date.now() - begun;
    const payloads = av1Payloads(units[picture++ % units.length] ?? [], { mtu: 1100, counted: true });
    const packets = payloads.map((payload, i) => {
      const marker = i === payloads.length - 1;
      return rtpPacket({ ...VIDEO, sequence: sequence++, timestamp: now * 90, marker, payload });
    });
    for (; sound * 20 <= now; sound++)
      packets.push(rtpPacket({ ...AUDIO, sequence: 7 + sound, timestamp: sound * 960, payload: SOUND }));
    peer.send(...packets);
  };
  send();
  const timers = [
    setInterval(send, PICTURE_MS),
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

/** Connects, and keeps what comes. */
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

/** The packets that ffprobe finds: stream and seconds. */
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

t.test(
  'who connects gets pictures and sound with the time of this machine, until it is closed',
  async (t) => {
    const { pool, peers } = await startPool(t);
    const { peer } = await publish(pool, peers, 'feed', AV1);
    await publishing(t, pool, peer);
    const zero = Date.now() - 10_000;
    const output = await pool.sendMatroska({ feedId: 'feed', audio: true, zero });
    const reader = await read(t, output.path);
    await until(() => reader.bytes().length > 60_000);
    const other = connect(output.path);
    const [refusal] = (await once(other, 'error')) as [NodeJS.ErrnoException];
    t.equal(refusal.code, 'ENOENT', 'it is for one reader');
    const before = (Date.now() - zero) / 1000;
    output.close();
    await reader.ended;
    const packets = await packetsOf(t, reader.bytes());
    for (const [index, kind] of ['pictures', 'sound'].entries()) {
      const times = packets.filter(([stream]) => stream === index).map(([, time]) => time);
      t.ok(times.length > 20, `${times.length} ${kind}`);
      t.ok(
        (times[0] ?? 0) > 9.5 && (times.at(-1) ?? 0) <= before,
        `${kind} from ${times[0]} to ${times.at(-1)}`,
      );
      t.ok((times.at(-1) ?? 0) > before - 0.5, 'to the last moment');
      t.ok(times.every((time, i) => i === 0 || time >= (times[i - 1] ?? 0)));
    }
    t.match((await pool.stats()).workers, [{ publishers: 1 }]);
  },
);

t.test('the end of the publisher is not the end of the stream: the gateway says so', async (t) => {
  const { pool, peers } = await startPool(t);
  const { peer, publishing: publication } = await publish(pool, peers, 'feed', AV1);
  const { stop } = await publishing(t, pool, peer);
  const output = await pool.sendMatroska({ feedId: 'feed', audio: false, zero: Date.now() });
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
    'and no sound was wanted',
  );
});

t.test('the stream ends with its worker, and a reader that leaves ends nothing else', async (t) => {
  const { pool, peers } = await startPool(t);
  const { peer } = await publish(pool, peers, 'feed', AV1);
  await publishing(t, pool, peer);
  const first = await pool.sendMatroska({ feedId: 'feed', audio: true, zero: Date.now() });
  const gone = await read(t, first.path);
  await until(() => gone.bytes().length > 1_000);
  gone.socket.destroy();
  const second = await pool.sendMatroska({ feedId: 'feed', audio: true, zero: Date.now() });
  const reader = await read(t, second.path);
  await until(() => reader.bytes().length > 1_000);
  first.close();
  await pool.close();
  await Promise.race([reader.ended, once(reader.socket, 'close')]);
});

t.test('there is none of other codecs, or of feeds that are not there', async (t) => {
  const { pool, peers } = await startPool(t);
  await publish(pool, peers, 'feed');
  await t.rejects(pool.sendMatroska({ feedId: 'feed', audio: true, zero: 0 }), /AV1 alone, not of h264/);
  await t.rejects(pool.sendMatroska({ feedId: 'other', audio: true, zero: 0 }), /no such feed/);
});
