import t from 'tap';
import { ChunkReader, type RtmpMessage } from '../../../src/ingest/rtmp/index.js';
import { ChunkWriter } from '../../../src/restreams/rtmp/chunk-writer.js';

t.test('messages of any size and time are read as they were written', async (t) => {
  for (const chunkBytes of [128, 65_536]) {
    const read: RtmpMessage[] = [];
    const limits = { messageBytes: () => 1 << 20, bufferedBytes: 1 << 22, chunkStreams: 8 };
    const reader = new ChunkReader(limits, (message) => read.push(message));
    reader.setChunkSize(chunkBytes);
    const writer = new ChunkWriter();
    writer.setChunkBytes(chunkBytes);
    const expected: [number, number][] = [];
    for (const size of [1, 127, 128, 129, 65_536, 200_000])
      for (const timestamp of [0, 0xfffffe, 0xffffff, 2 ** 32 + 5]) {
        const payload = Buffer.alloc(size, size % 251);
        const message = { chunkStreamId: 6, type: 9, timestamp, streamId: 1 };
        reader.read(Buffer.concat(writer.write(message, payload)));
        t.ok(read.at(-1)?.payload.equals(payload), `${size} bytes`);
        expected.push([timestamp % 2 ** 32, 1]);
      }
    t.same(
      read.map(({ timestamp, streamId }) => [timestamp, streamId]),
      expected,
    );
  }
});
