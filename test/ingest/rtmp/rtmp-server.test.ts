import { once } from 'node:events';
import net from 'node:net';
import t from 'tap';
import { createRtmpServer } from '../../../src/ingest/rtmp/index.js';
import { createLog } from '../../../src/platform/index.js';
import { PUBLICATION_END, type Publisher } from '../../../src/streams/index.js';
import { RtmpClient } from '../../support/clients/rtmp-client.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';
import { RecordingPublication } from '../../support/fakes/recording-publication.js';
import { ADMITTED_STREAM_KEY, startRtmpFixture } from '../../support/fixtures/rtmp-fixture.js';
import {
  EMPTY_AVC_HEADER,
  INTER,
  KEY,
  pictureTag,
  SOUND,
} from '../../support/publishers/rtmp-demuxer-fixture.js';
import { eventually } from '../../support/until.js';

const AUDIO_HEADER = Buffer.from([0xaf, 0, 0x12, 0x10]);

t.test('a publisher gets Publish.Start after admission, and its tags arrive', async (t) => {
  const publication = new RecordingPublication();
  let admit = (): void => {};
  let shown: Publisher | undefined;
  const { client } = await startRtmpFixture(t, {
    publish: (publisher) => {
      shown = publisher;
      return new Promise((resolve) => {
        admit = () => resolve({ publication });
      });
    },
  });
  const encoder = client();
  await encoder.handshake();
  encoder.connect({ app: 'live/' });
  encoder.publish(`${ADMITTED_STREAM_KEY}?bandwidthtest=true`);
  // Sends media before the reply, as some encoders do.
  encoder.video(0, EMPTY_AVC_HEADER);
  encoder.audio(0, AUDIO_HEADER);
  encoder.video(40, KEY);
  await eventually(() => shown !== undefined);
  t.match(shown, {
    protocol: 'rtmp',
    streamKey: ADMITTED_STREAM_KEY,
    address: '127.0.0.1',
    encoder: 'FMLE/3.0 (test)',
  });
  t.notOk(encoder.codes().includes('NetStream.Publish.Start'), 'nothing is promised before');
  admit();
  await encoder.until(() => encoder.codes().includes('NetStream.Publish.Start'));
  await publication.until(({ tags }) => tags.length === 3);
  t.match(publication.tags, [
    { header: true },
    { header: true },
    { keyframe: true, timestamp: 0, body: KEY },
  ]);
});

t.test('a publisher is admitted wherever its stream key and server URL were entered', async (t) => {
  const key = ADMITTED_STREAM_KEY;
  const { client, publications } = await startRtmpFixture(t);
  const entered: [connect: Record<string, unknown>, streamName: string][] = [
    [{ tcUrl: null }, key],
    [{ tcUrl: '' }, key],
    [{ tcUrl: '127.0.0.1/live' }, key],
    [{ tcUrl: 'not a url' }, key],
    [{}, `/${key}`],
    [{}, `${key}/`],
    [{}, `live/${key}`],
    [{}, `rtmp://127.0.0.1:1935/live/${key}`],
    [{ app: `live/${key}`, tcUrl: `rtmp://127.0.0.1/live/${key}` }, ''],
    [{ app: '', tcUrl: 'rtmp://127.0.0.1' }, `live/${key}`],
  ];
  for (const [connect, streamName] of entered) {
    const encoder = client();
    await encoder.start(streamName, connect);
    t.same(encoder.codes().at(-1), 'NetStream.Publish.Start', JSON.stringify([connect, streamName]));
    encoder.destroy();
  }
  t.equal(publications.length, entered.length);
  t.ok(publications.every(({ publisher }) => publisher?.streamKey === key));
});

t.test('of multitrack audio and video the lowest track is published, and its owner is told', async (t) => {
  const multitrack = (header: number, types: number, fourCc: string, ...rest: number[]): Buffer =>
    Buffer.concat([Buffer.from([header, types]), Buffer.from(fourCc), Buffer.from(rest)]);
  const { publishingClient } = await startRtmpFixture(t);
  // A classic tag is track 0. The other track comes first, in a codec that cannot be read.
  for (const [isEnhanced, id] of [
    [false, 0],
    [true, 0],
    [true, 2],
  ] as const) {
    const other = id + 1;
    const { client, publication } = await publishingClient();
    client.audio(0, multitrack(0x95, 0, 'Opus', other, 1, 2, 3));
    client.video(
      0,
      isEnhanced ? multitrack(0x96, 0, 'avc1', id, ...EMPTY_AVC_HEADER.subarray(5)) : EMPTY_AVC_HEADER,
    );
    client.video(0, multitrack(0x96, 0, 'hvc1', other, 1, 2, 3));
    client.audio(0, isEnhanced ? multitrack(0x95, 0, 'mp4a', id, 0x12, 0x10) : AUDIO_HEADER);
    for (const timestamp of [0, 40]) {
      client.video(timestamp, isEnhanced ? multitrack(0x96, 0x03, 'avc1', id, ...KEY.subarray(5)) : KEY);
      client.video(timestamp, multitrack(0x96, 0x01, 'hvc1', other, 0, 0, 0, 9));
      client.audio(timestamp, isEnhanced ? multitrack(0x95, 1, 'mp4a', id, 7) : Buffer.from([0xaf, 1, 7]));
      client.audio(timestamp, multitrack(0x95, 1, 'Opus', other, 9));
    }
    await publication.until(({ tags }) => tags.filter(({ header }) => !header).length === 4);
    for (const { kind, header, body } of publication.tags) {
      const frame = kind === 'video' ? KEY : Buffer.from([0xaf, 1, 7]);
      t.same(body, header ? (kind === 'video' ? EMPTY_AVC_HEADER : AUDIO_HEADER) : frame);
    }
    t.match([...publication.notices.values()], [/^The stream has several video or audio tracks/]);
    client.destroy();
    await publication.until(({ ends }) => ends.length > 0);
    t.same(publication.ends, ['publisher-lost']);
  }
});

t.test('connect is answered with the supported FourCCs and AMF0', async (t) => {
  const { client } = await startRtmpFixture(t, { readsAv1: false });
  const encoder = client();
  await encoder.handshake();
  encoder.connect({ objectEncoding: 3, fourCcList: ['*'] });
  await encoder.until(() => encoder.codes().includes('NetConnection.Connect.Success'));
  for (const fourCc of ['fourCcList', 'avc1', 'hvc1', 'vp09', 'vp08', 'Opus'])
    t.ok(encoder.text().includes(fourCc), fourCc);
  t.notOk(encoder.text().includes('av01'));
});

t.test('a refused publisher gets the refusal’s message, then the connection ends', async (t) => {
  const { client, server, publications } = await startRtmpFixture(t);
  const encoder = client();
  await encoder.start('wrong-key');
  t.match(encoder.codes().at(-1), 'NetStream.Publish.BadName');
  t.match(encoder.text(), /This stream key is not known/);
  await encoder.untilClosed();
  await eventually(() => server.connections === 0);
  t.equal(publications.length, 0);
});

t.test('a publisher whose admission throws is asked to try again', async (t) => {
  const { client, logLines } = await startRtmpFixture(t, {
    publish: () => Promise.reject(new Error('no database')),
  });
  const encoder = client();
  await encoder.start(ADMITTED_STREAM_KEY);
  t.match(encoder.text(), /NetStream\.Publish\.BadName.*try again/s);
  t.ok(logLines.some((line) => line.includes('no database')));
});

t.test('a publisher that disconnects during admission is closed as lost', async (t) => {
  const publication = new RecordingPublication();
  let admit: (() => void) | undefined;
  const { client, server } = await startRtmpFixture(t, {
    publish: () =>
      new Promise((resolve) => {
        admit = () => resolve({ publication });
      }),
    limits: { publishMs: 200 },
  });
  const encoder = client();
  await encoder.handshake();
  encoder.connect();
  encoder.publish(ADMITTED_STREAM_KEY);
  await eventually(() => admit !== undefined && server.connections === 0);
  admit?.();
  await publication.until(({ ends }) => ends.length > 0);
  t.same(publication.ends, ['publisher-lost']);
});

t.test(
  'FCUnpublish, deleteStream and closeStream end as publisher-left, a lost socket as publisher-lost',
  async (t) => {
    const { publishingClient } = await startRtmpFixture(t);
    for (const cmd of ['FCUnpublish', 'deleteStream', 'closeStream']) {
      const { client, publication } = await publishingClient();
      client.command(
        { cmd, transId: 4, cmdObj: null, ...(cmd === 'FCUnpublish' && { streamName: ADMITTED_STREAM_KEY }) },
        1,
      );
      await client.untilClosed();
      t.same(publication.ends, ['publisher-left'], cmd);
      t.ok(client.codes().includes('NetStream.Unpublish.Success'));
    }
    const { client, publication } = await publishingClient();
    client.socket.resetAndDestroy();
    await publication.until(({ ends }) => ends.length > 0);
    t.same(publication.ends, ['publisher-lost']);
  },
);

t.test('a kicked publisher gets the reason and its publication closes once', async (t) => {
  const { publishingClient, server } = await startRtmpFixture(t);
  const { client, publication } = await publishingClient();
  publication.publisher?.kick('key-revoked', PUBLICATION_END['key-revoked'].message);
  await client.untilClosed();
  t.match(client.text(), /NetStream\.Publish\.BadName.*The stream key was revoked\./s);
  t.same(publication.ends, ['key-revoked']);
  await eventually(() => server.connections === 0);
});

t.test('a kicked publisher that stays connected is disconnected', async (t) => {
  const { server, port, publications } = await startRtmpFixture(t);
  const client = new RtmpClient(port);
  client.socket.allowHalfOpen = true;
  t.teardown(() => client.destroy());
  await client.start(ADMITTED_STREAM_KEY);
  publications[0]?.publisher?.kick('kicked', 'Out.');
  const flood = setInterval(() => client.video(0, Buffer.alloc(10_000)), 20);
  t.teardown(() => clearInterval(flood));
  await eventually(() => server.connections === 0);
  t.equal(publications[0]?.tags.length, 0);
});

t.test('a paused publisher is not read and does not time out', async (t) => {
  const clock = new FakeClock();
  const { client, publications, server } = await startRtmpFixture(t, { clock, limits: { silenceMs: 1_000 } });
  const encoder = client();
  await encoder.start(ADMITTED_STREAM_KEY);
  const publication = publications[0]!;
  encoder.setChunkSize(60_000);
  encoder.video(0, EMPTY_AVC_HEADER);
  encoder.audio(0, AUDIO_HEADER);
  encoder.video(0, KEY);
  encoder.audio(0, SOUND);
  await publication.until(({ tags }) => tags.length === 4);
  publication.publisher?.pause();
  const frame = pictureTag(true, { paddingBytes: 200_000 });
  for (let i = 1; i <= 60; i++) encoder.video(i, frame);
  await clock.advance(10_000);
  t.ok(encoder.socket.writableLength > 1_000_000, 'the kernel holds the rest back');
  t.ok(publication.tags.length < 10, `${publication.tags.length} tags came through`);
  t.equal(server.connections, 1);
  publication.publisher?.resume();
  await publication.until(({ tags }) => tags.length === 64);
  await clock.advance(1_200);
  await eventually(() => server.connections === 0);
  t.same(publication.ends, ['publisher-lost'], 'silence counts again');
});

t.test('a publisher that sends no media times out despite other messages', async (t) => {
  const clock = new FakeClock();
  const { client, publications, server } = await startRtmpFixture(t, { clock, limits: { silenceMs: 1_000 } });
  const encoder = client();
  await encoder.start(ADMITTED_STREAM_KEY);
  for (let i = 0; i < 8; i++) {
    encoder.command({ cmd: 'getStreamLength', transId: 9, cmdObj: null });
    await clock.advance(200);
  }
  await eventually(() => server.connections === 0);
  t.same(publications[0]?.ends, ['publisher-lost']);
});

t.test('received bytes are acknowledged within the window that the peer sets', async (t) => {
  const { publishingClient } = await startRtmpFixture(t);
  const { client } = await publishingClient();
  const window = Buffer.alloc(4);
  window.writeUInt32BE(100_000);
  client.message({ type: 5, payload: window, chunkStreamId: 2 });
  client.setChunkSize(60_000);
  client.received = Buffer.alloc(0);
  for (let i = 0; i < 4; i++) client.video(i, pictureTag(true, { paddingBytes: 50_000 }));
  const acknowledgement = Buffer.from([2, 0, 0, 0, 0, 0, 4, 3]);
  await client.until(() => client.received.includes(acknowledgement));
  const bytes = client.received.readUInt32BE(client.received.indexOf(acknowledgement) + 12);
  t.ok(bytes >= 100_000 && bytes <= 210_000, `${bytes} bytes`);
});

t.test('media of aggregate messages is published at its times', async (t) => {
  const { publishingClient } = await startRtmpFixture(t);
  const { client, publication } = await publishingClient();
  const tag = (type: number, time: number, body: Buffer): Buffer => {
    const head = Buffer.alloc(11);
    head[0] = type;
    head.writeUIntBE(body.length, 1, 3);
    head.writeUIntBE(time & 0xffffff, 4, 3);
    head[7] = time >>> 24;
    return Buffer.concat([head, body, Buffer.alloc(4)]);
  };
  const first = 0xff_fff0; // the times of the tags pass 2^24, those of the messages 2^32
  const aggregate = (timestamp: number, ...tags: Buffer[]): void =>
    client.message({ type: 22, payload: Buffer.concat(tags), chunkStreamId: 6, timestamp, streamId: 1 });
  aggregate(
    2 ** 32 - 40,
    tag(9, first, EMPTY_AVC_HEADER),
    tag(8, first, AUDIO_HEADER),
    tag(9, first, KEY),
    tag(8, first + 10, SOUND),
    tag(9, first + 40, INTER),
  );
  // Neither a command nor a cut-off message in it counts.
  aggregate(
    40,
    tag(20, 0, Buffer.from([2, 0, 1, 0x78])),
    tag(9, 0, INTER),
    tag(20, 0, Buffer.alloc(100_000)),
    tag(9, 40, INTER).subarray(0, -5),
  );
  client.video(80, INTER);
  await publication.until(({ tags }) => tags.filter(({ kind }) => kind === 'video').length === 5);
  const times = (kind: string): number[] =>
    publication.tags.filter((one) => one.kind === kind && !one.header).map(({ timestamp }) => timestamp);
  t.same(times('video'), [0, 40, 80, 120]);
  t.same(times('audio'), [10]);
  t.ok(
    publication.tags.every(({ body }) => body.buffer.byteLength < 100_000),
    'a message does not keep its aggregate',
  );
  t.same(publication.ends, []);
  aggregate(120, tag(18, 0, Buffer.alloc(100_000)));
  await publication.until(({ ends }) => ends.length > 0);
  t.equal(publication.ends.length, 1, 'a data message is bounded in an aggregate as it is outside');
});

t.test('pings, releaseStream and FCPublish are answered', async (t) => {
  const { client } = await startRtmpFixture(t);
  const encoder = client();
  await encoder.handshake();
  encoder.connect();
  await encoder.until(() => encoder.codes().length > 0);
  encoder.received = Buffer.alloc(0);
  encoder.command({ cmd: 'releaseStream', transId: 7, cmdObj: null, streamName: ADMITTED_STREAM_KEY });
  await encoder.until(() => encoder.text().includes('_result'));
  encoder.message({ type: 4, payload: Buffer.from([0, 6, 1, 2, 3, 4]), chunkStreamId: 2 });
  await encoder.until(() => encoder.received.includes(Buffer.from([0, 7, 1, 2, 3, 4])));
  t.pass();
});

t.test('shutdown sends publishers the reason, drops other connections and frees the port', async (t) => {
  const { server, port, publishingClient, client } = await startRtmpFixture(t);
  const { client: encoder, publication } = await publishingClient();
  const idle = client();
  await once(idle.socket, 'connect');
  await eventually(() => server.connections === 2);
  await Promise.all([server.close(), server.close()]);
  t.equal(server.connections, 0);
  t.same(publication.ends, ['shutdown']);
  await encoder.untilClosed();
  t.match(encoder.text(), /restarting/);
  const again = net.createServer().listen(port, '127.0.0.1');
  await once(again, 'listening');
  again.close();
});

t.test('start fails on a port in use and on an invalid certificate', async (t) => {
  const { port } = await startRtmpFixture(t);
  const options = {
    publish: () => Promise.reject(new Error('unused')),
    host: '127.0.0.1',
    readsAv1: false,
    maxPixels: 1,
    clock: new FakeClock(),
    log: createLog('silent'),
  };
  await t.rejects(createRtmpServer({ ...options, port }).start(), { code: 'EADDRINUSE' });
  const tls = { port: 0, cert: 'no certificate', key: 'no key' };
  await t.rejects(createRtmpServer({ ...options, port: 0, tls }).start());
  const taken = createRtmpServer({ ...options, port: 0 });
  await taken.start();
  await taken.close();
  t.throws(() => createRtmpServer({ ...options, port: 0 }).address());
});

t.test('connections are limited in total and per address', async (t) => {
  const { server, client } = await startRtmpFixture(t, {
    limits: { connectionsPerAddress: 3, connections: 100 },
  });
  const clients = Array.from({ length: 8 }, () => client());
  await eventually(() => clients.filter(({ closed }) => closed).length === 5);
  t.equal(server.connections, 3);
  for (const each of clients) each.destroy();
  await eventually(() => server.connections === 0);
  const next = client();
  await next.start(ADMITTED_STREAM_KEY);
  t.ok(next.codes().includes('NetStream.Publish.Start'), 'who left makes room');
  const few = await startRtmpFixture(t, { limits: { connections: 2 } });
  const more = Array.from({ length: 5 }, () => few.client());
  await eventually(() => more.filter(({ closed }) => closed).length === 3);
  t.equal(few.server.connections, 2);
});
