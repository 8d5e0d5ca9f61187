import amf from 'node-media-server/src/protocol/amf.js';
import Rtmp from 'node-media-server/src/protocol/rtmp.js';
import t from 'tap';
import { NodeMediaServerAdapter } from '../../../src/ingest/rtmp/node-media-server-adapter.js';
import { MESSAGE, type RtmpMessage, RtmpProtocolError } from '../../../src/ingest/rtmp/rtmp-message.js';

// Contract with private parts of the library: an update that moves them must fail here.

function adapter(): { adapter: NodeMediaServerAdapter; replies: Buffer[] } {
  const replies: Buffer[] = [];
  return { adapter: new NodeMediaServerAdapter((bytes) => replies.push(bytes)), replies };
}

function commandMessage(payload: Buffer, type: number = MESSAGE.command): RtmpMessage {
  return { type, payload, timestamp: 0, streamId: 7, chunkStreamId: 3 };
}

function command(values: Record<string, unknown>): RtmpMessage {
  return commandMessage(amf.encodeAmf0Cmd(values));
}

t.test('node-media-server has the members that are replaced or called', async (t) => {
  const rtmp = new Rtmp();
  const methods = [
    'parserData',
    'chunkRead',
    'onOutputCallback',
    'respondCreateStream',
    'sendACK',
    'sendWindowACK',
    'setPeerBandwidth',
    'setChunkSize',
    'sendStreamStatus',
    'sendInvokeMessage',
    'sendStatusMessage',
  ] as const;
  for (const method of methods) t.type(rtmp[method], 'function', method);
  t.equal(rtmp.handshakeState, 0);
  t.type(rtmp.outChunkSize, 'number');
});

t.test('a handshake in pieces is answered once, and the bytes behind it are returned', async (t) => {
  const { adapter: peer, replies } = adapter();
  t.equal(peer.handshake(Buffer.from([3])).length, 0);
  t.equal(peer.handshake(Buffer.alloc(1_536)).length, 0);
  t.same(
    replies.map(({ length }) => length),
    [3_073],
  );
  t.equal(peer.handshake(Buffer.alloc(1_000)).length, 0);
  t.equal(peer.isHandshakeDone, false);
  const rest = peer.handshake(Buffer.concat([Buffer.alloc(536), Buffer.from('rest')]));
  t.same(rest, Buffer.from('rest'));
  t.equal(peer.isHandshakeDone, true);
  t.equal(replies.length, 1);
  const exact = adapter().adapter;
  t.equal(exact.handshake(Buffer.concat([Buffer.from([3]), Buffer.alloc(3_072)])).length, 0);
  t.equal(exact.isHandshakeDone, true, 'without a byte behind it');
});

t.test('commands are decoded by name; values of a wrong type are left out', async (t) => {
  const { adapter: peer } = adapter();
  const decode = (values: Record<string, unknown>) => peer.decodeCommand(command(values));
  const cases: [Record<string, unknown>, unknown][] = [
    [
      { cmd: 'connect', transId: 4, cmdObj: { app: 'live' } },
      { kind: 'connect', transactionId: 4, values: { app: 'live' } },
    ],
    [
      { cmd: 'connect', transId: 1 },
      { kind: 'connect', transactionId: 1, values: undefined },
    ],
    [
      { cmd: 'connect', transId: 'x', cmdObj: 5 },
      { kind: 'connect', transactionId: 1, values: undefined },
    ],
    [
      { cmd: 'createStream', transId: 2, cmdObj: null },
      { kind: 'createStream', transactionId: 2 },
    ],
    [
      { cmd: 'releaseStream', transId: 3, cmdObj: null, streamName: 'k' },
      { kind: 'announce', transactionId: 3 },
    ],
    [{ cmd: 'FCPublish' }, { kind: 'announce', transactionId: undefined }],
    [
      { cmd: 'publish', transId: 5, cmdObj: null, streamName: 'k', type: 'live' },
      { kind: 'publish', streamId: 7, streamName: 'k' },
    ],
    [
      { cmd: 'publish', transId: 5, cmdObj: null, streamName: 6 },
      { kind: 'publish', streamId: 7, streamName: '' },
    ],
    [
      { cmd: 'play', transId: 5, cmdObj: null, streamName: 'k' },
      { kind: 'play', streamId: 7 },
    ],
    [{ cmd: 'FCUnpublish', transId: 6, cmdObj: null, streamName: 'k' }, { kind: 'unpublish' }],
    [{ cmd: 'deleteStream', transId: 6, cmdObj: null, streamId: 1 }, { kind: 'unpublish' }],
    [{ cmd: 'closeStream' }, { kind: 'unpublish' }],
    [{ cmd: 'getStreamLength', transId: 9, cmdObj: null }, { kind: 'other' }],
  ];
  for (const [values, expected] of cases) t.same(decode(values), expected, JSON.stringify(values));
  const amf3 = Buffer.concat([Buffer.from([0]), amf.encodeAmf0Cmd({ cmd: 'createStream', transId: 2 })]);
  t.same(peer.decodeCommand(commandMessage(amf3, MESSAGE.commandAmf3)), {
    kind: 'createStream',
    transactionId: 2,
  });
  for (const bytes of [[], [2], [2, 0, 90, 65], [0, 0, 1, 65]]) {
    t.throws(() => peer.decodeCommand(commandMessage(Buffer.from(bytes))), RtmpProtocolError);
  }
});

t.test('replies are complete RTMP messages of the expected types', async (t) => {
  const { adapter: peer, replies } = adapter();
  const types = (act: () => void): number[] => {
    replies.length = 0;
    act();
    return replies.map((bytes) => bytes[7]!);
  };
  const { command: invoke, acknowledgement, userControl, setChunkSize } = MESSAGE;
  const { windowAcknowledgementSize, setPeerBandwidth } = MESSAGE;
  t.same(
    types(() => peer.acceptConnect(1, ['avc1'])),
    [windowAcknowledgementSize, setPeerBandwidth, setChunkSize, invoke],
  );
  t.match(replies.at(-1)!.toString('latin1'), /_result.*NetConnection\.Connect\.Success.*fourCcList.*avc1/s);
  t.same(
    types(() => peer.refuseConnect(1, 'NetConnection.Connect.Rejected', 'No.')),
    [setChunkSize, invoke],
  );
  t.same(
    types(() => peer.createStream(2)),
    [invoke],
  );
  t.same(
    types(() => peer.sendResult(3)),
    [invoke],
  );
  t.same(
    types(() => peer.sendStatus(1, 'error', 'NetStream.Publish.BadName', 'a – b')),
    [invoke],
  );
  t.match(replies[0]!.toString('latin1'), /onStatus.*NetStream\.Publish\.BadName.*a \? b/s);
  t.same(
    types(() => peer.sendAcknowledgement(0xffff_ffff)),
    [acknowledgement],
  );
  t.same(
    types(() => peer.sendPingResponse(1)),
    [userControl],
  );
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
