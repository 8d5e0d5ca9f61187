import t from 'tap';
import { ChunkReader, type ChunkReaderLimits } from '../../../src/ingest/rtmp/chunk-reader.js';
import type { RtmpMessage } from '../../../src/ingest/rtmp/rtmp-message.js';
import { basicHeader, encodeMessage } from '../../support/clients/rtmp-client.js';

const LIMITS: ChunkReaderLimits = { messageBytes: () => 100_000, bufferedBytes: 200_000, chunkStreams: 8 };

function reading(limits: Partial<ChunkReaderLimits> = {}): { reader: ChunkReader; messages: RtmpMessage[] } {
  const messages: RtmpMessage[] = [];
  const reader = new ChunkReader({ ...LIMITS, ...limits }, (message) => messages.push(message));
  return { reader, messages };
}

function payload(size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, index) => index % 251));
}

/** A chunk header of format 1 or 2, and of 3. */
function delta(id: number, time: number, more?: { length: number; type: number }): Buffer {
  const head = Buffer.alloc(more ? 7 : 3);
  head.writeUIntBE(time, 0, 3);
  if (more) {
    head.writeUIntBE(more.length, 3, 3);
    head[6] = more.type;
  }
  return Buffer.concat([basicHeader(more ? 1 : 2, id), head]);
}

t.test('messages are assembled wherever the bytes are split', async (t) => {
  const sent = Buffer.concat([
    encodeMessage({ type: 9, payload: payload(1_000), timestamp: 40, chunkStreamId: 6, streamId: 1 }),
    encodeMessage({ type: 8, payload: payload(0), timestamp: 41, chunkStreamId: 70 }),
    encodeMessage({ type: 9, payload: payload(700), timestamp: 0x0100_0000, chunkStreamId: 1_000 }),
    encodeMessage({ type: 8, payload: payload(128), timestamp: 50, chunkStreamId: 4 }),
  ]);
  for (const size of [1, 2, 3, 7, 127, 128, 129, sent.length]) {
    const { reader, messages } = reading();
    for (let at = 0; at < sent.length; at += size) reader.read(Buffer.from(sent.subarray(at, at + size)));
    t.same(
      messages.map(({ type, timestamp, streamId, chunkStreamId }) => [
        type,
        timestamp,
        streamId,
        chunkStreamId,
      ]),
      [
        [9, 40, 1, 6],
        [8, 41, 0, 70],
        [9, 0x0100_0000, 0, 1_000],
        [8, 50, 0, 4],
      ],
      `cut every ${size} bytes`,
    );
    t.same(
      messages.map((message) => message.payload),
      [payload(1_000), payload(0), payload(700), payload(128)],
    );
    t.equal(reader.buffered, 0);
  }
});

t.test('messages of several chunk streams may be interleaved', async (t) => {
  const { reader, messages } = reading();
  const video = encodeMessage({ type: 9, payload: payload(256), chunkStreamId: 6 });
  const audio = encodeMessage({ type: 8, payload: payload(200), chunkStreamId: 4 });
  reader.read(Buffer.concat([video.subarray(0, 140), audio.subarray(0, 140), video.subarray(140)]));
  t.same(
    messages.map(({ type }) => type),
    [9],
  );
  t.equal(reader.buffered, 200);
  reader.read(audio.subarray(140));
  t.same(
    messages.map(({ type }) => type),
    [9, 8],
  );
  t.same(messages[1]?.payload, payload(200));
});

t.test('timestamp deltas add up, repeat without a header, and wrap after 32 bits', async (t) => {
  const { reader, messages } = reading();
  reader.read(encodeMessage({ type: 8, payload: payload(4), timestamp: 0xffff_ffe0, chunkStreamId: 4 }));
  reader.read(Buffer.concat([delta(4, 0x10, { length: 5, type: 8 }), payload(5)]));
  reader.read(Buffer.concat([delta(4, 0x18), payload(5)]));
  reader.read(Buffer.concat([basicHeader(3, 4), payload(5)]));
  t.same(
    messages.map(({ timestamp }) => timestamp),
    [0xffff_ffe0, 0xffff_fff0, 0x08, 0x20],
  );
});

t.test('an extended timestamp is parsed with and without its repetition in format 3', async (t) => {
  const message = encodeMessage({ type: 9, payload: payload(300), timestamp: 0x0200_0000, chunkStreamId: 6 });
  const full = 1 + 11 + 4 + 128;
  const second = full + 1 + 4 + 128;
  const unrepeated = Buffer.concat([
    message.subarray(0, full + 1),
    message.subarray(full + 5, second + 1),
    message.subarray(second + 5),
  ]);
  for (const bytes of [message, unrepeated]) {
    const { reader, messages } = reading();
    reader.read(bytes);
    t.equal(messages[0]?.timestamp, 0x0200_0000);
    t.same(messages[0]?.payload, payload(300));
  }
});

t.test('the largest chunk size of the specification is accepted', async (t) => {
  const { reader, messages } = reading();
  reader.setChunkSize(0x7fff_ffff);
  reader.read(encodeMessage({ type: 9, payload: payload(50_000), chunkSize: 0x7fff_ffff }));
  t.same(messages[0]?.payload, payload(50_000));
});

t.test('Set Chunk Size applies from the next chunk, and Abort drops an unfinished message', async (t) => {
  const { reader, messages } = reading();
  reader.read(encodeMessage({ type: 9, payload: payload(1_000), chunkStreamId: 6 }).subarray(0, 500));
  t.equal(reader.buffered, 1_000);
  reader.abort(5);
  t.equal(reader.buffered, 1_000, 'another chunk stream is not meant');
  reader.abort(6);
  t.equal(reader.buffered, 0);
  reader.setChunkSize(4_000);
  reader.read(encodeMessage({ type: 9, payload: payload(5_000), chunkStreamId: 6, chunkSize: 4_000 }));
  t.same(
    messages.map((message) => message.payload),
    [payload(5_000)],
  );
});

t.test('reading stops after a message and resumes with the unread bytes', async (t) => {
  const messages: number[] = [];
  const reader = new ChunkReader(LIMITS, ({ type }) => {
    messages.push(type);
    if (type === 20) reader.stop();
  });
  const command = encodeMessage({ type: 20, payload: payload(10) });
  const audio = encodeMessage({ type: 8, payload: payload(10), chunkStreamId: 4 });
  const rest = reader.read(Buffer.concat([command, audio]));
  t.same(messages, [20]);
  t.same(rest, audio);
  t.equal(reader.read(rest!), undefined);
  t.same(messages, [20, 8]);
});

t.test('a protocol or limit violation throws before memory is allocated', async (t) => {
  const message = (size: number, id = 6): Buffer =>
    encodeMessage({ type: 9, payload: payload(size), chunkStreamId: id });
  const cases: [string, RegExp, (reader: ChunkReader) => void][] = [
    ['a chunk stream without a beginning', /without a header/, (r) => r.read(basicHeader(3, 5))],
    ['a delta before anything else', /without a header/, (r) => r.read(delta(5, 1))],
    ['a long message', /too long/, (r) => r.read(message(100_001).subarray(0, 12))],
    [
      'a message inside a message',
      /before the one before it/,
      (r) => {
        r.read(message(500).subarray(0, 140));
        r.read(message(500));
      },
    ],
    [
      'many unfinished messages',
      /unfinished/,
      (r) => {
        for (let id = 10; id < 13; id++) r.read(message(90_000, id).subarray(0, 140));
      },
    ],
    [
      'many chunk streams',
      /chunk streams/,
      (r) => {
        for (let id = 10; id < 30; id++) r.read(message(1, id));
      },
    ],
    ['chunk size 0', /chunk size/, (r) => r.setChunkSize(0)],
    ['an absurd chunk size', /chunk size/, (r) => r.setChunkSize(0x8000_0000)],
  ];
  for (const [name, why, act] of cases) {
    const { reader } = reading();
    t.throws(() => act(reader), { name: 'RtmpProtocolError', message: why }, name);
    t.ok(reader.buffered <= 200_000);
  }
});
