import net from 'node:net';
import t from 'tap';
import { amf, Rtmp } from '../../../src/ingest/rtmp/node-media-server.js';
import { readIntoSharedBuffer } from '../../../src/ingest/rtmp/shared-read-buffer.js';

// Contract with private parts of dependencies: an update that moves them must fail here.

t.test('node-media-server has the methods that are replaced or called', async (t) => {
  const rtmp = new Rtmp();
  const methods = [
    'parserData',
    'chunkRead',
    'packetHandler',
    'controlHandler',
    'eventHandler',
    'invokeHandler',
    'dataHandler',
    'onConnect',
    'onCreateStream',
    'onPublish',
    'onPlay',
    'respondConnect',
    'sendACK',
    'setChunkSize',
    'sendStreamStatus',
    'sendInvokeMessage',
    'sendStatusMessage',
    'onOutputCallback',
  ] as const;
  for (const method of methods) t.type(rtmp[method], 'function', method);
  t.equal(rtmp.handshakeState, 0);
  t.type(rtmp.outChunkSize, 'number');
});

t.test('the library’s handshake replies, ends in state 3, and passes later bytes to chunkRead', async (t) => {
  const rtmp = new Rtmp();
  const answers: Buffer[] = [];
  const rest: Buffer[] = [];
  rtmp.onOutputCallback = (bytes) => answers.push(bytes);
  rtmp.chunkRead = (data, offset, length) => {
    rest.push(data.subarray(offset, offset + length));
    return null;
  };
  rtmp.parserData(Buffer.concat([Buffer.from([3]), Buffer.alloc(1_536)]));
  t.same(
    answers.map(({ length }) => length),
    [3_073],
  );
  rtmp.parserData(Buffer.concat([Buffer.alloc(1_536), Buffer.from('rest')]));
  t.equal(rtmp.handshakeState, 3);
  t.same(rest, [Buffer.from('rest')]);
});

t.test('the library’s dispatcher calls the replaced methods', async (t) => {
  const rtmp = new Rtmp();
  const called: string[] = [];
  const methods = ['controlHandler', 'eventHandler', 'invokeHandler'] as const;
  for (const method of methods) rtmp[method] = () => void called.push(method);
  const packet = (type: number, payload = Buffer.alloc(4)): void => {
    const header = { fmt: 0, cid: 3, timestamp: 0, length: payload.length, type, stream_id: 1 };
    rtmp.parserPacket = { header, payload, clock: 0, capacity: 4, bytes: 0 };
    rtmp.packetHandler();
  };
  for (const type of [1, 2, 4, 5, 17, 20]) packet(type);
  t.same(called, [
    'controlHandler',
    'controlHandler',
    'eventHandler',
    'controlHandler',
    'invokeHandler',
    'invokeHandler',
  ]);
  const fresh = new Rtmp();
  const commands: unknown[] = [];
  for (const method of ['onConnect', 'onCreateStream', 'onPublish', 'onPlay'] as const) {
    fresh[method] = (message) => void commands.push(message.cmd);
  }
  for (const cmd of ['connect', 'createStream', 'publish', 'play']) {
    const payload = amf.encodeAmf0Cmd({ cmd, transId: 1 });
    const header = { fmt: 0, cid: 3, timestamp: 0, length: payload.length, type: 20, stream_id: 1 };
    fresh.parserPacket = { header, payload, clock: 0, capacity: payload.length, bytes: 0 };
    fresh.packetHandler();
  }
  t.same(commands, ['connect', 'createStream', 'publish', 'play']);
});

t.test('the library prints nothing on malformed AMF', async (t) => {
  const { log } = console;
  let printed = 0;
  console.log = () => void printed++;
  t.teardown(() => {
    console.log = log;
  });
  t.throws(
    () => amf.decodeAmf0Cmd(Buffer.from([2, 0, 1, 0x61, 0x0d])) && amf.decodeAmf0Data(Buffer.from([3, 0x0d])),
  );
  t.equal(printed, 0);
});

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
