import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import amf from 'node-media-server/src/protocol/amf.js';
import t from 'tap';
import { encodeCommand, encodeMessage, RtmpClient } from '../../support/clients/rtmp-client.js';
import { RecordingPublication } from '../../support/fakes/recording-publication.js';
import { ADMITTED_STREAM_KEY, startRtmpFixture } from '../../support/fixtures/rtmp-fixture.js';
import { pictureTag } from '../../support/publishers/rtmp-demuxer-fixture.js';
import { eventually } from '../../support/until.js';

const SESSIONS = 3_000;
const AT_ONCE = 40;
const SEED = 20_261_123;
/** Timeout after which the client closes its connection. */
const SESSION_MS = 40;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Returns the heap size after garbage collection, bytes. */
/** Returns the minimum heap size within a second, as closed sockets are freed over several turns, bytes. */
async function memory(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < 20; look++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    collect();
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external);
  }
  return least;
}

/** Mulberry32 generator. */
function randomness(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Messages of an encoder after the handshake. */
function session(): Buffer[] {
  const command = (values: Record<string, unknown>, streamId = 0): Buffer =>
    encodeMessage({ type: 20, payload: encodeCommand(values), streamId });
  const media = (type: number, timestamp: number, body: Buffer): Buffer =>
    encodeMessage({
      type,
      payload: body,
      timestamp,
      streamId: 1,
      chunkStreamId: type === 8 ? 4 : 6,
      chunkSize: 4_096,
    });
  const app = { app: 'live', flashVer: 'FMLE/3.0', tcUrl: 'rtmp://127.0.0.1/live', objectEncoding: 0 };
  const metadata = amf.encodeAmf0Data({
    cmd: 'onMetaData',
    dataObj: { width: 1280, height: 720, framerate: 30 },
  });
  const frames = [0, 33, 66, 100].map((time) =>
    media(9, time, pictureTag(time === 0, { compositionTime: 33, paddingBytes: 900 })),
  );
  return [
    command({ cmd: 'connect', transId: 1, cmdObj: app }),
    command({ cmd: 'releaseStream', transId: 2, cmdObj: null, streamName: ADMITTED_STREAM_KEY }),
    encodeMessage({ type: 5, payload: Buffer.from([0, 0x26, 0x25, 0xa0]), chunkStreamId: 2 }),
    encodeMessage({ type: 1, payload: Buffer.from([0, 0, 0x10, 0]), chunkStreamId: 2 }),
    command({ cmd: 'createStream', transId: 4, cmdObj: null }),
    command({ cmd: 'publish', transId: 5, cmdObj: null, streamName: ADMITTED_STREAM_KEY, type: 'live' }, 1),
    encodeMessage({ type: 18, payload: metadata, streamId: 1, chunkStreamId: 4, chunkSize: 4_096 }),
    media(
      9,
      0,
      Buffer.from('17000000000142c00dffe100176742c00dda05067e7c0440000003004000000f03c50aa8', 'hex'),
    ),
    media(8, 0, Buffer.from([0xaf, 0, 0x12, 0x10])),
    ...frames,
    media(8, 23, Buffer.concat([Buffer.from([0xaf, 1]), Buffer.alloc(300, 9)])),
    encodeMessage({ type: 2, payload: Buffer.from([0, 0, 0, 6]), chunkStreamId: 2 }),
    command({ cmd: 'deleteStream', transId: 6, cmdObj: null, streamId: 1 }),
  ];
}

const EDGES = [0, 1, 2, 3, 8, 9, 0x0d, 0x17, 0x7f, 0x80, 0x90, 0xaf, 0xfe, 0xff];

/** Mutates a session in one to six places: bytes, order, lengths. */
function spoil(messages: Buffer[], random: (below: number) => number): Buffer {
  const list = messages.map((message) => Buffer.from(message));
  for (let times = 1 + random(6); times > 0; times--) {
    const at = random(list.length);
    const message = list[at]!;
    const kind = random(7);
    if (kind === 0) list.splice(at, 1);
    else if (kind === 1) list.splice(at, 0, list[random(list.length)]!);
    else if (kind === 2) list[at] = message.subarray(0, random(message.length + 1));
    else if (kind === 3) list[at] = Buffer.concat([message, Buffer.alloc(random(40), random(256))]);
    else if (message.length > 0) {
      // Mostly in the headers, which drive the parser.
      const place = random(kind === 4 ? message.length : Math.min(message.length, 24));
      message[place] = kind === 6 ? EDGES[random(EDGES.length)]! : random(256);
    }
    if (list.length === 0) list.push(Buffer.from([random(256)]));
  }
  return Buffer.concat(list);
}

t.test(
  `${SESSIONS} mutated sessions throw nothing, leave no connection and no memory`,
  { timeout: 120_000 },
  async (t) => {
    const errors: unknown[] = [];
    const note = (error: unknown): void => void errors.push(error);
    process.on('uncaughtException', note);
    process.on('unhandledRejection', note);
    t.teardown(() => {
      process.off('uncaughtException', note);
      process.off('unhandledRejection', note);
    });
    // Keeps publications without their publishers, which would retain the connections.
    const publications: RecordingPublication[] = [];
    // Drops the recorded tags of a publication at its end.
    const recording = new Set<RecordingPublication>();
    const letGo = (): void => {
      for (const publication of recording) {
        longest = Math.max(longest, publication.tags.length);
        if (publication.ends.length === 0) continue;
        publication.timelines.length = 0;
        recording.delete(publication);
      }
    };
    let longest = 0;
    const under = await startRtmpFixture(t, {
      publish: async () => {
        const publication = new RecordingPublication();
        publications.push(publication);
        recording.add(publication);
        return { publication };
      },
      limits: { connectionsPerAddress: 200, handshakeMs: 2_000, publishMs: 2_000 },
    });
    const random = randomness(SEED);
    const good = session();
    const one = async (): Promise<void> => {
      const bytes = spoil(good, random);
      const client = new RtmpClient(under.port);
      await client.handshake();
      client.write(bytes);
      const timer = setTimeout(() => client.destroy(), SESSION_MS);
      await client.untilClosed();
      clearTimeout(timer);
      client.destroy();
      under.logLines.length = 0;
      letGo();
    };
    const worker = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) await one();
    };
    const run = async (sessions: number): Promise<void> => {
      await Promise.all(Array.from({ length: AT_ONCE }, () => worker(sessions / AT_ONCE)));
      await eventually(() => under.server.connections === 0);
      letGo();
    };
    await run(SESSIONS / 3);
    const early = await memory();
    await run((SESSIONS * 2) / 3);
    t.same(errors, []);
    t.ok(
      publications.length > SESSIONS / 10,
      `${publications.length} were admitted: the fuzz reaches the media`,
    );
    t.ok(longest > 5, `${longest} tags came through at best`);
    t.equal(
      publications.filter(({ ends }) => ends.length !== 1).length,
      0,
      'every publication was closed once',
    );
    const grown = ((await memory()) - early) / 2 ** 20;
    t.ok(grown < 8, `${grown.toFixed(1)} MiB more are in use than after a third of the sessions`);

    const client = under.client();
    await client.start(ADMITTED_STREAM_KEY);
    t.ok(client.codes().includes('NetStream.Publish.Start'), 'and the next publisher is served');
  },
);
