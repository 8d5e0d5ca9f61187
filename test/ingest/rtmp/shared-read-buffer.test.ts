import net from 'node:net';
import t from 'tap';
import { readIntoSharedBuffer } from '../../../src/ingest/rtmp/shared-read-buffer.js';

// Contract with private parts of Node: an update that moves them must fail here.

t.test('an accepted socket reads into the shared buffer with this version of Node', async (t) => {
  const received: string[] = [];
  const ended = new Promise<void>((resolve) => {
    const server = net.createServer((socket) => {
      t.equal(
        readIntoSharedBuffer(socket, (bytes) => received.push(bytes.toString())),
        true,
      );
      socket.on('end', () => {
        server.close();
        resolve();
      });
    });
    server.listen(0, '127.0.0.1', () => net.connect((server.address() as net.AddressInfo).port).end('hello'));
  });
  await ended;
  t.same(received, ['hello']);
});
