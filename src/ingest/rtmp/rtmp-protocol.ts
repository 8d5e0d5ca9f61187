import { ChunkReader } from './chunk-reader.js';
import { Rtmp, type RtmpInvokeMessage } from './node-media-server.js';
import type { RtmpLimits } from './rtmp-limits.js';
import { MESSAGE, type RtmpMessage, RtmpProtocolError } from './rtmp-message.js';

/** What the protocol tells the connection it belongs to. All are called synchronously from `receive`. */
export type RtmpProtocolEvents = {
  output(bytes: Buffer): void;
  /** Handshake done. */
  opened(): void;
  /** The peer asks to publish; `encoder` is the name it gave in `connect`. */
  publish(streamKey: string, encoder: string | undefined): void;
  /** The peer asks for something that is not offered: tell it and let it go. */
  refused(code: string, description: string): void;
  /** The peer says that it has finished. */
  left(): void;
  /** An audio, video or data message of an admitted peer. */
  media(message: RtmpMessage): void;
};

/** The one application: `rtmp://host/live`. */
const APPLICATION = 'live';
/** Version byte C0 (Adobe RTMP 1.0, 5.2.2). 6 would be the encrypted RTMPE. */
const RTMP_VERSION = 3;
const HANDSHAKE_DONE = 3;
/** We acknowledge after this many bytes unless the peer sets another window (5.4.3, 5.4.4). */
const ACKNOWLEDGEMENT_WINDOW = 2_500_000;
const MINIMUM_WINDOW = 64 << 10;
const MAXIMUM_STREAM_KEY = 512;
/** Commands and metadata need no more, from whomever. */
const COMMAND_BYTES = 64 << 10;
const CREATE_STREAMS = 8;
/** User control events (7.1.7). */
const PING_REQUEST = 6;
const PING_RESPONSE = 7;
const FINISHED = new Set(['FCUnpublish', 'deleteStream', 'closeStream']);

/**
 * The RTMP protocol of one connection: node-media-server's handshake, AMF, session state and replies, with our own
 * chunk reader below them and our own opinion about what a peer may do. Everything the library does not check is
 * checked here, and nothing of its servers, sessions and broadcasts is used.
 */
export class RtmpProtocol {
  readonly #rtmp = new Rtmp();
  readonly #events: RtmpProtocolEvents;
  readonly #limits: RtmpLimits;
  readonly #fourCcs: string[];
  readonly #chunks: ChunkReader;
  #received = 0;
  #acknowledged = 0;
  #createdStreams = 0;
  #opened = false;
  #admitted = false;
  /** Stops reading while the connection decides about admission, or for good. */
  #stopped = false;
  #rest: Buffer[] = [];

  constructor(limits: RtmpLimits, fourCcs: string[], events: RtmpProtocolEvents) {
    this.#events = events;
    this.#limits = limits;
    this.#fourCcs = fourCcs;
    const bufferedBytes = limits.messageBytesBefore * 2;
    this.#chunks = new ChunkReader(
      { messageBytes: (type) => this.#messageBytes(type), bufferedBytes, chunkStreams: limits.chunkStreams },
      (message) => this.#message(message),
    );
    this.#adopt(this.#rtmp);
  }

  /**
   * Takes what came from the socket.
   *
   * @throws RtmpProtocolError when it breaks the protocol; other errors come from the library on malformed bytes.
   */
  receive(bytes: Buffer): void {
    if (this.#received === 0 && bytes[0] !== RTMP_VERSION) throw new RtmpProtocolError('this is not RTMP');
    this.#received += bytes.length;
    if (!this.#admitted && this.#received > this.#limits.totalBytesBefore) {
      throw new RtmpProtocolError('too many bytes before publishing');
    }
    if (this.#stopped) this.#rest.push(Buffer.from(bytes));
    else this.#read(bytes);
    this.#acknowledge();
  }

  /** Reads no further: the rest of what has come waits for `admit`. */
  stop(): void {
    this.#stopped = true;
    this.#chunks.stop();
  }

  /** The peer may send media; tells it so and reads what has waited. */
  admit(): void {
    this.#admitted = true;
    this.#stopped = false;
    this.#chunks.setBufferedBytes(this.#limits.bufferedBytes);
    this.status('status', 'NetStream.Publish.Start', 'Publishing.');
    const rest = this.#rest;
    this.#rest = [];
    for (const bytes of rest) {
      if (this.#stopped) this.#rest.push(bytes);
      else this.#read(bytes);
    }
  }

  /** Sends `onStatus` (7.2.2). Only ASCII survives the library's encoder. */
  status(level: 'status' | 'error', code: string, description: string): void {
    if (this.#rtmp.connectCmdObj === undefined) return;
    const text = description.replace(/[^\x20-\x7e]/g, '?');
    this.#rtmp.sendStatusMessage(this.#rtmp.streamId ?? 0, level, code, text);
  }

  #read(bytes: Buffer): void {
    this.#rtmp.parserData(bytes);
    this.#open();
  }

  #open(): void {
    if (this.#opened || this.#rtmp.handshakeState !== HANDSHAKE_DONE) return;
    this.#opened = true;
    this.#events.opened();
  }

  #messageBytes(type: number): number {
    if (!this.#admitted) return this.#limits.messageBytesBefore;
    return type === MESSAGE.audio || type === MESSAGE.video ? this.#limits.messageBytes : COMMAND_BYTES;
  }

  #acknowledge(): void {
    const window = Math.min(ACKNOWLEDGEMENT_WINDOW, Math.max(MINIMUM_WINDOW, this.#rtmp.ackSize ?? Infinity));
    if (this.#received - this.#acknowledged < window) return;
    if (!this.#opened) return;
    this.#acknowledged = this.#received;
    this.#rtmp.sendACK(this.#received % 2 ** 32);
  }

  #message(message: RtmpMessage): void {
    const { type, payload } = message;
    if (type === MESSAGE.audio || type === MESSAGE.video || type === MESSAGE.data) {
      if (this.#admitted) this.#events.media(message);
      return;
    }
    if (type === MESSAGE.dataAmf3) {
      // The AMF3 form is a zero byte and then AMF0.
      if (this.#admitted)
        this.#events.media({ ...message, type: MESSAGE.data, payload: payload.subarray(1) });
      return;
    }
    this.#rtmp.parserPacket = {
      header: {
        fmt: 0,
        cid: message.chunkStreamId,
        timestamp: message.timestamp,
        length: payload.length,
        type,
        stream_id: message.streamId,
      },
      payload,
      clock: message.timestamp,
      capacity: payload.length,
      bytes: 0,
    };
    this.#rtmp.packetHandler();
  }

  /** Takes the place of the library's methods that are unsafe or answer too early. */
  #adopt(rtmp: Rtmp): void {
    rtmp.flv = null; // A parser of 1 MiB that RTMP never uses.
    rtmp.onOutputCallback = (bytes) => this.#events.output(bytes);
    rtmp.chunkRead = (data, offset, length) => {
      this.#open();
      const all = offset === 0 && length === data.length;
      const rest = this.#chunks.read(all ? data : data.subarray(offset, offset + length));
      if (rest) this.#rest.unshift(Buffer.from(rest));
      return null;
    };
    const control = rtmp.controlHandler.bind(rtmp);
    rtmp.controlHandler = () => this.#control(control);
    rtmp.eventHandler = () => this.#userControl();
    const invoke = rtmp.invokeHandler.bind(rtmp);
    rtmp.invokeHandler = () => this.#command(invoke);
    rtmp.dataHandler = () => {};
    const connect = rtmp.onConnect.bind(rtmp);
    rtmp.onConnect = (message) => this.#connect(message, connect);
    const createStream = rtmp.onCreateStream.bind(rtmp);
    rtmp.onCreateStream = (message) => {
      this.#requireConnect();
      if (++this.#createdStreams > CREATE_STREAMS) throw new RtmpProtocolError('too many message streams');
      createStream(message);
    };
    rtmp.onPublish = (message) => this.#publish(message);
    rtmp.onPlay = () => {
      this.#requireConnect();
      rtmp.streamId = rtmp.parserPacket.header.stream_id;
      this.#events.refused('NetStream.Play.Failed', 'Streams are not played by RTMP here: watch by HLS.');
    };
    rtmp.respondConnect = (transactionId) => this.#respondConnect(transactionId);
  }

  /** Protocol control messages (5.4). */
  #control(stock: () => void): void {
    const { header, payload } = this.#rtmp.parserPacket;
    if (payload.length < 4) throw new RtmpProtocolError('a control message is too short');
    if (header.type === MESSAGE.abort) this.#chunks.abort(payload.readUInt32BE(0));
    // The highest bit must be 0 (5.4.1): with it set this is no size.
    if (header.type === MESSAGE.setChunkSize) this.#chunks.setChunkSize(payload.readUInt32BE(0));
    stock();
  }

  #userControl(): void {
    const { payload } = this.#rtmp.parserPacket;
    if (payload.length < 6 || payload.readUInt16BE(0) !== PING_REQUEST) return;
    this.#rtmp.sendStreamStatus(PING_RESPONSE, payload.readUInt32BE(2));
  }

  #command(stock: () => void): void {
    const { header, payload } = this.#rtmp.parserPacket;
    const name = commandName(header.type === MESSAGE.commandAmf3 ? payload.subarray(1) : payload);
    if (FINISHED.has(name)) {
      if (this.#admitted) this.#events.left();
      return;
    }
    if (name === 'releaseStream' || name === 'FCPublish') this.#acceptUnasked(payload);
    else stock();
  }

  /** Some encoders wait for an answer to these two, which mean nothing here. */
  #acceptUnasked(payload: Buffer): void {
    this.#requireConnect();
    const transactionId = numberBehindName(payload);
    if (transactionId === undefined) return;
    this.#rtmp.sendInvokeMessage(0, { cmd: '_result', transId: transactionId, cmdObj: null });
  }

  #connect(message: RtmpInvokeMessage, stock: (message: RtmpInvokeMessage) => void): void {
    if (this.#rtmp.connectCmdObj !== undefined) throw new RtmpProtocolError('connect came twice');
    if (typeof message.cmdObj !== 'object' || message.cmdObj === null) {
      throw new RtmpProtocolError('connect came without its object');
    }
    const values = message.cmdObj as Record<string, unknown>;
    if (typeof values.app !== 'string') throw new RtmpProtocolError('connect names no application');
    if (typeof values.tcUrl !== 'string' || !URL.canParse(values.tcUrl)) {
      this.#refuseConnect(message, 'NetConnection.Connect.Rejected', 'The server URL cannot be read.');
      return;
    }
    if (applicationOf(values.app) !== APPLICATION) {
      const advice = `The server URL must end in /${APPLICATION}; the stream key has its own field.`;
      this.#refuseConnect(message, 'NetConnection.Connect.InvalidApp', advice);
      return;
    }
    // AMF0 is what both sides speak then; the library would promise AMF3 to whoever asks.
    stock({ ...message, cmdObj: { ...values, app: APPLICATION, objectEncoding: 0 } });
  }

  #refuseConnect(message: RtmpInvokeMessage, code: string, description: string): void {
    this.#rtmp.setChunkSize(this.#rtmp.outChunkSize);
    const info = { level: 'error', code, description };
    this.#rtmp.sendInvokeMessage(0, { cmd: '_error', transId: message.transId ?? 1, cmdObj: null, info });
    this.#events.refused(code, description);
  }

  #respondConnect(transactionId: unknown): void {
    const fourCcList = [...this.#fourCcs];
    // The library's mark for what AMF0 calls a strict array.
    Object.defineProperty(fourCcList, 'sarray', { value: true });
    this.#rtmp.sendInvokeMessage(0, {
      cmd: '_result',
      transId: transactionId ?? 1,
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

  #publish(message: RtmpInvokeMessage): void {
    this.#requireConnect();
    if (this.#admitted) {
      this.#events.refused('NetStream.Publish.BadName', 'This connection is publishing already.');
      return;
    }
    this.#rtmp.streamId = this.#rtmp.parserPacket.header.stream_id;
    const name = typeof message.streamName === 'string' ? message.streamName : '';
    const streamKey = name.split('?')[0]!.trim();
    if (streamKey === '' || streamKey.length > MAXIMUM_STREAM_KEY) {
      const fault = streamKey === '' ? 'missing' : 'too long';
      this.#events.refused('NetStream.Publish.BadName', `The stream key is ${fault}.`);
      return;
    }
    const flashVer = this.#rtmp.connectCmdObj?.flashVer;
    this.#events.publish(streamKey, typeof flashVer === 'string' ? flashVer : undefined);
  }

  #requireConnect(): void {
    if (this.#rtmp.connectCmdObj === undefined) throw new RtmpProtocolError('a command came before connect');
  }
}

/** `live`, without the slashes and the query that some encoders add. */
function applicationOf(app: string): string {
  return app.split('?')[0]!.replace(/^\/+|\/+$/g, '');
}

/** AMF0 marker of a short string, of a number (2.2, 2.4), and their sizes. */
const AMF0_STRING = 2;
const AMF0_NUMBER = 0;

function commandName(bytes: Buffer): string {
  const end = bytes.length < 3 || bytes[0] !== AMF0_STRING ? Infinity : 3 + bytes.readUInt16BE(1);
  if (end > bytes.length) throw new RtmpProtocolError('a command has no name');
  return bytes.toString('latin1', 3, end);
}

function numberBehindName(bytes: Buffer): number | undefined {
  const start = bytes[0] === AMF0_STRING ? 0 : 1;
  const at = start + 3 + bytes.readUInt16BE(start + 1);
  if (bytes.length < at + 9 || bytes[at] !== AMF0_NUMBER) return undefined;
  return bytes.readDoubleBE(at + 1);
}
