import nmsLogger from 'node-media-server/src/core/logger.js';
import amf from 'node-media-server/src/protocol/amf.js';
import Rtmp from 'node-media-server/src/protocol/rtmp.js';
import { MESSAGE, type RtmpCommand, type RtmpMessage, RtmpProtocolError } from './rtmp-message.js';

export { amf };

// Silences the library's log: it prints received commands, which contain stream keys.
nmsLogger.log = () => {};

const HANDSHAKE_DONE = 3;
const EMPTY = Buffer.alloc(0);
/** Values of the answer to `connect`, bytes: what the library itself announces. */
const PEER_WINDOW_BYTES = 5_000_000;
/** Limit type "dynamic" of Set Peer Bandwidth (Adobe RTMP 1.0, 5.4.5). */
const PEER_LIMIT_DYNAMIC = 2;
/** User control event (7.1.7). */
const PING_RESPONSE = 7;
const UNPUBLISH_COMMANDS = new Set(['FCUnpublish', 'deleteStream', 'closeStream']);
/** Answer to a command that came without a transaction id. */
const DEFAULT_TRANSACTION_ID = 1;

/**
 * The only user of node-media-server's RTMP session: handshake, AMF0 and replies of one connection. Chunks, commands and
 * state are not the library's: its parser allocates what a header announces, and its commands publish without admission.
 */
export class NodeMediaServerAdapter {
  readonly #rtmp = new Rtmp();
  #behindHandshake: Buffer = EMPTY;

  /** @param output called synchronously with each reply */
  constructor(output: (bytes: Buffer) => void) {
    const rtmp = this.#rtmp;
    rtmp.flv = null; // Frees a parser of 1 MiB that RTMP does not use.
    rtmp.onOutputCallback = output;
    // Replaces the chunk parser, which the library calls with what follows the handshake.
    rtmp.chunkRead = (data, offset, length) => {
      this.#behindHandshake = data.subarray(offset, offset + length);
      return null;
    };
  }

  get isHandshakeDone(): boolean {
    return this.#rtmp.handshakeState === HANDSHAKE_DONE;
  }

  /** Reads and answers the handshake (5.2). Returns the bytes that follow it, a view of `bytes`. */
  handshake(bytes: Buffer): Buffer {
    this.#rtmp.parserData(bytes);
    const rest = this.#behindHandshake;
    this.#behindHandshake = EMPTY;
    return rest;
  }

  /** @throws RtmpProtocolError without a name; errors of other classes on malformed AMF0 */
  decodeCommand({ type, payload, streamId }: RtmpMessage): RtmpCommand {
    // The AMF3 form is a zero byte followed by AMF0.
    const bytes = type === MESSAGE.commandAmf3 ? payload.subarray(1) : payload;
    const name = commandName(bytes);
    if (UNPUBLISH_COMMANDS.has(name)) return { kind: 'unpublish' };
    if (name === 'releaseStream' || name === 'FCPublish') {
      return { kind: 'announce', transactionId: numberBehindName(bytes) };
    }
    if (name === 'play') return { kind: 'play', streamId };
    if (name !== 'connect' && name !== 'createStream' && name !== 'publish') return { kind: 'other' };
    const { transId, cmdObj, streamName } = amf.decodeAmf0Cmd(bytes);
    const transactionId = typeof transId === 'number' ? transId : DEFAULT_TRANSACTION_ID;
    if (name === 'createStream') return { kind: 'createStream', transactionId };
    if (name === 'publish') {
      return { kind: 'publish', streamId, streamName: typeof streamName === 'string' ? streamName : '' };
    }
    const values = typeof cmdObj === 'object' && cmdObj !== null ? cmdObj : undefined;
    return { kind: 'connect', transactionId, values: values as Record<string, unknown> | undefined };
  }

  /** Accepts `connect`, always with AMF0: the library would accept AMF3 when requested. */
  acceptConnect(transactionId: number, fourCcs: readonly string[]): void {
    const fourCcList = [...fourCcs];
    // Makes the library encode an AMF0 strict array.
    Object.defineProperty(fourCcList, 'sarray', { value: true });
    this.#rtmp.sendWindowACK(PEER_WINDOW_BYTES);
    this.#rtmp.setPeerBandwidth(PEER_WINDOW_BYTES, PEER_LIMIT_DYNAMIC);
    this.#rtmp.setChunkSize(this.#rtmp.outChunkSize);
    this.#rtmp.sendInvokeMessage(0, {
      cmd: '_result',
      transId: transactionId,
      cmdObj: { fmsVer: 'FMS/3,0,1,123', capabilities: 31 },
      info: {
        level: 'status',
        code: 'NetConnection.Connect.Success',
        description: 'Connection succeeded.',
        objectEncoding: 0,
        fourCcList,
      },
    });
  }

  refuseConnect(transactionId: number, code: string, description: string): void {
    this.#rtmp.setChunkSize(this.#rtmp.outChunkSize);
    const info = { level: 'error', code, description };
    this.#rtmp.sendInvokeMessage(0, { cmd: '_error', transId: transactionId, cmdObj: null, info });
  }

  /** Answers `createStream` with the next message stream id. */
  createStream(transactionId: number): void {
    this.#rtmp.respondCreateStream(transactionId);
  }

  /** Answers a command that has no effect. */
  sendResult(transactionId: number): void {
    this.#rtmp.sendInvokeMessage(0, { cmd: '_result', transId: transactionId, cmdObj: null });
  }

  /** Sends `onStatus` (7.2.2). Replaces non-ASCII characters, which the library's encoder corrupts. */
  sendStatus(streamId: number, level: 'status' | 'error', code: string, description: string): void {
    const text = description.replace(/[^\x20-\x7e]/g, '?');
    this.#rtmp.sendStatusMessage(streamId, level, code, text);
  }

  /** @param bytes received so far, 32 bits (5.4.3) */
  sendAcknowledgement(bytes: number): void {
    this.#rtmp.sendACK(bytes);
  }

  sendPingResponse(timestamp: number): void {
    this.#rtmp.sendStreamStatus(PING_RESPONSE, timestamp);
  }
}

/** AMF0 marker of a short string, of a number (2.2, 2.4). */
const AMF0_STRING = 2;
const AMF0_NUMBER = 0;

function commandName(bytes: Buffer): string {
  const end = bytes.length < 3 || bytes[0] !== AMF0_STRING ? Infinity : 3 + bytes.readUInt16BE(1);
  if (end > bytes.length) throw new RtmpProtocolError('a command has no name');
  return bytes.toString('latin1', 3, end);
}

function numberBehindName(bytes: Buffer): number | undefined {
  const at = 3 + bytes.readUInt16BE(1);
  if (bytes.length < at + 9 || bytes[at] !== AMF0_NUMBER) return undefined;
  return bytes.readDoubleBE(at + 1);
}
