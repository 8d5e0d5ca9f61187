import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import t from 'tap';
import { RtmpConnection } from '../../../src/ingest/rtmp/rtmp-connection.js';
import { DEFAULT_RTMP_LIMITS } from '../../../src/ingest/rtmp/rtmp-limits.js';
import { createLog } from '../../../src/platform/index.js';
import { encodeCommand, encodeMessage, type RtmpClient } from '../../support/clients/rtmp-client.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';
import {
  ADMITTED_STREAM_KEY,
  type RtmpFixture,
  startRtmpFixture,
} from '../../support/fixtures/rtmp-fixture.js';
import { EMPTY_AVC_HEADER, KEY } from '../../support/publishers/rtmp-demuxer-fixture.js';
import { eventually } from '../../support/until.js';

/** Deterministic pseudo-random numbers. */
function noise(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = 12_345;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}

/** Checks that an existing publication continues and a new one can begin. */
async function unharmed(under: RtmpFixture, act: () => Promise<void>): Promise<void> {
  const { client, publication } = await under.publishingClient();
  client.video(0, EMPTY_AVC_HEADER);
  client.audio(0, Buffer.from([0xaf, 0, 0x12, 0x10]));
  await act();
  client.video(0, KEY);
  await publication.until(({ tags }) => tags.some((tag) => tag.keyframe));
  client.destroy();
  await publication.until(({ ends }) => ends.length === 1);
}

type Attack = [name: string, act: (client: RtmpClient) => Promise<void> | void];

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/** Inputs that end their connection before admission. */
const BEFORE_HANDSHAKE: Attack[] = [
  ['random bytes', (client) => client.write(noise(5_000))],
  ['HTTP', (client) => client.write(Buffer.from('GET / HTTP/1.1\r\nHost: example.com\r\n\r\n'))],
  ['a TLS hello on the plain port', (client) => client.write(Buffer.from('16030100f8010000f40303', 'hex'))],
];

const AFTER_HANDSHAKE: Attack[] = [
  [
    'random bytes after the handshake',
    (client) => client.write(Buffer.concat([Buffer.from([0x43]), noise(50_000)])),
  ],
  [
    'a message of 16 MB',
    (client) => client.write(Buffer.from([6, 0, 0, 0, 0xff, 0xff, 0xff, 9, 1, 0, 0, 0, 0x17, 1])),
  ],
  [
    'sixty long messages begun on one connection',
    (client) => {
      for (let id = 3; id < 63; id++) {
        client.write(
          Buffer.concat([Buffer.from([id, 0, 0, 0, 0, 0x40, 0, 9, 1, 0, 0, 0]), Buffer.alloc(128)]),
        );
      }
    },
  ],
  ['chunk size 0', (client) => client.message({ type: 1, payload: uint32(0) })],
  ['chunk size 2^31', (client) => client.message({ type: 1, payload: uint32(0x8000_0000) })],
  ['an empty chunk size', (client) => client.message({ type: 1, payload: Buffer.alloc(0) })],
  ['an empty command', (client) => client.message({ type: 20, payload: Buffer.alloc(0) })],
  ['a command of one byte', (client) => client.message({ type: 20, payload: Buffer.from([2]) })],
  [
    'a command of an unknown type',
    (client) => client.message({ type: 20, payload: Buffer.from([0x0d, 1, 2, 3, 4]) }),
  ],
  [
    'a command whose name is cut short',
    (client) => client.message({ type: 20, payload: Buffer.from([2, 0, 90, 65]) }),
  ],
  [
    'AMF nested very deep',
    (client) => {
      const deep = Buffer.concat([
        encodeCommand({ cmd: 'connect', transId: 1 }),
        ...Array(3_500).fill(Buffer.from('\x03\x00\x01a', 'latin1')),
      ]);
      client.message({ type: 20, payload: deep });
    },
  ],
  ['connect without its object', (client) => client.command({ cmd: 'connect', transId: 1 })],
  ['connect with a number for an application', (client) => client.connect({ app: 5 })],
  ['connect to another application', (client) => client.connect({ app: `vod/${ADMITTED_STREAM_KEY}` })],
  [
    'publish without a key in name and application',
    (client) => {
      client.connect({ app: 'live/' });
      client.publish('/');
    },
  ],
  [
    'connect twice',
    (client) => {
      client.connect();
      client.connect();
    },
  ],
  ['publish without connect', (client) => client.publish(ADMITTED_STREAM_KEY)],
  [
    'createStream without connect',
    (client) => client.command({ cmd: 'createStream', transId: 1, cmdObj: null }),
  ],
  [
    'publish without a name',
    (client) => {
      client.connect();
      client.command({ cmd: 'publish', transId: 3, cmdObj: null }, 1);
    },
  ],
  [
    'publish with a name of 3 kB',
    (client) => {
      client.connect();
      client.publish('x'.repeat(3_000));
    },
  ],
  [
    'play, then inject',
    (client) => {
      client.connect();
      client.command({ cmd: 'play', transId: 3, cmdObj: null, streamName: ADMITTED_STREAM_KEY }, 1);
      client.video(0, KEY);
    },
  ],
  [
    'many message streams',
    (client) => {
      client.connect();
      for (let i = 0; i < 20; i++) client.command({ cmd: 'createStream', transId: i, cmdObj: null });
    },
  ],
  [
    'media in plenty before publishing',
    (client) => {
      client.connect();
      for (let i = 0; i < 100; i++) client.video(i, noise(5_000));
    },
  ],
];

t.test('bad input before admission ends its own connection only', async (t) => {
  const under = await startRtmpFixture(t);
  for (const [name, act] of [...BEFORE_HANDSHAKE, ...AFTER_HANDSHAKE]) {
    await unharmed(under, async () => {
      const attacker = under.client();
      if (AFTER_HANDSHAKE.some((attack) => attack[0] === name)) await attacker.handshake();
      await act(attacker);
      await attacker.untilClosed();
      t.pass(name);
    });
  }
  await eventually(() => under.server.connections === 0);
  t.equal(
    under.publications.length,
    BEFORE_HANDSHAKE.length + AFTER_HANDSHAKE.length,
    'no other publisher was admitted',
  );
});

t.test('bad input of an admitted publisher ends its own publication', async (t) => {
  const under = await startRtmpFixture(t, { limits: { messageBytes: 100_000, bufferedBytes: 150_000 } });
  const attacks: Attack[] = [
    [
      'a video message that is too long',
      (client) => client.video(0, Buffer.concat([KEY, Buffer.alloc(100_000)])),
    ],
    ['metadata that is too long', (client) => client.message({ type: 18, payload: Buffer.alloc(70_000) })],
    ['publish twice', (client) => client.publish(ADMITTED_STREAM_KEY)],
    [
      'play',
      (client) =>
        client.command({ cmd: 'play', transId: 3, cmdObj: null, streamName: ADMITTED_STREAM_KEY }, 1),
    ],
    ['an empty command', (client) => client.message({ type: 20, payload: Buffer.alloc(0) })],
    ['video of an unreadable codec', (client) => client.video(0, Buffer.from([0x14, 0]))],
  ];
  for (const [name, act] of attacks) {
    await unharmed(under, async () => {
      const { client, publication } = await under.publishingClient();
      await act(client);
      await client.untilClosed();
      t.same(publication.ends, ['protocol-error'], name);
    });
  }
});

t.test('an unsupported codec is refused with a status that encoders show', async (t) => {
  const { publishingClient } = await startRtmpFixture(t);
  const { client } = await publishingClient();
  client.video(0, Buffer.from('\x90vvc1header', 'latin1'));
  await client.untilClosed();
  t.match(client.text(), /NetStream\.Publish\.BadName.*vvc1.*choose H\.264/s);
});

t.test('empty and malformed media of an admitted publisher is ignored', async (t) => {
  const { publishingClient } = await startRtmpFixture(t);
  const { client, publication } = await publishingClient();
  client.video(0, Buffer.alloc(0));
  client.audio(0, Buffer.alloc(0));
  for (const type of [15, 16, 17, 18, 19, 22]) {
    if (type !== 17) client.message({ type, payload: Buffer.from([0]), streamId: 1 });
  }
  client.message({ type: 4, payload: Buffer.from([0]), chunkStreamId: 2 });
  client.message({ type: 18, payload: noise(5_000), streamId: 1 });
  client.message({ type: 2, payload: uint32(6), chunkStreamId: 2 });
  client.video(0, EMPTY_AVC_HEADER);
  client.video(0, KEY);
  await publication.until(({ tags }) => tags.some((tag) => tag.keyframe));
  t.same(publication.ends, []);
});

t.test('idle sockets, incomplete handshakes and slow senders are disconnected', async (t) => {
  const limits = { handshakeMs: 400, publishMs: 400, connections: 1_000, connectionsPerAddress: 600 };
  const under = await startRtmpFixture(t, { limits });
  await unharmed(under, async () => {
    const idle = Array.from({ length: 500 }, () => under.client());
    await Promise.all(idle.map(({ socket }) => once(socket, 'connect')));
    const cut = under.client();
    cut.write(Buffer.concat([Buffer.from([3]), noise(700)]));
    const silent = under.client();
    await silent.handshake();
    const slow = under.client();
    await slow.handshake();
    const bytes = encodeCommand({ cmd: 'connect', transId: 1, cmdObj: { app: 'live' } });
    let at = 0;
    const drip = setInterval(() => slow.write(bytes.subarray(at, ++at)), 5);
    t.teardown(() => clearInterval(drip));
    await Promise.all([...idle, cut, silent, slow].map((client) => client.untilClosed()));
  });
  await eventually(() => under.server.connections === 0);
  t.pass('all are gone');
});

/** Socket whose peer never reads. */
class DeafSocket extends Duplex {
  override _read(): void {}
  override _write(): void {}
  setNoDelay(): this {
    return this;
  }
}

t.test('a peer that does not read replies is disconnected', async (t) => {
  const deaf = new DeafSocket();
  const connection = new RtmpConnection({
    socket: deaf as unknown as Socket,
    protocol: 'rtmp',
    address: '127.0.0.1',
    publish: () => Promise.reject(new Error('unused')),
    limits: { ...DEFAULT_RTMP_LIMITS, unreadBytes: 8_000 },
    readsAv1: false,
    maxPixels: 9_437_184,
    clock: new FakeClock(),
    log: createLog('silent'),
  });
  const app = { app: 'live', tcUrl: 'rtmp://127.0.0.1/live' };
  const connect = encodeCommand({ cmd: 'connect', transId: 1, cmdObj: app });
  deaf.push(
    Buffer.concat([Buffer.from([3]), Buffer.alloc(3_072), encodeMessage({ type: 20, payload: connect })]),
  );
  const ping = encodeMessage({ type: 4, payload: Buffer.from([0, 6, 0, 0, 0, 0]), chunkStreamId: 2 });
  for (let i = 0; i < 1_000; i++) deaf.push(ping);
  await connection.closed;
  t.ok(
    deaf.writableLength > 3_073 && deaf.writableLength < 8_100,
    `${deaf.writableLength} bytes were kept for it`,
  );
});

t.test('no stream key reaches the log', async (t) => {
  const under = await startRtmpFixture(t);
  const secrets = [ADMITTED_STREAM_KEY, 'wrong-key-abcdef'];
  for (const key of secrets) {
    const client = under.client();
    await client.start(key);
    client.publish(key);
    client.command({ cmd: 'FCUnpublish', transId: 4, cmdObj: null, streamName: key }, 1);
    await client.untilClosed();
    const inUrl = under.client();
    await inUrl.handshake();
    inUrl.connect({ app: `vod/${key}`, tcUrl: `bad url/${key}` });
    await inUrl.untilClosed();
  }
  await eventually(() => under.server.connections === 0);
  t.ok(under.logLines.length >= 4, `${under.logLines.length} lines were logged`);
  for (const line of under.logLines) for (const key of secrets) t.notOk(line.includes(key), line);
});
