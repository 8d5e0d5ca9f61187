import { ChunkReader } from './chunk-reader.js';
import { Rtmp, type RtmpInvokeMessage } from './node-media-server.js';
import type { RtmpLimits } from './rtmp-limits.js';
import { MESSAGE, type RtmpMessage, RtmpProtocolError } from './rtmp-message.js';

/** Callbacks to the connection, called synchronously from `receive` or `admit`. */
export type RtmpProtocolEvents = {
  output(bytes: Buffer): void;
  /** Called once when the handshake is complete. */
  handshakeDone(): void;
  /** Called for `publish`; `encoder` is the `flashVer` of `connect`. */
  publish(streamKey: string, encoder: string | undefined): void;
  /** Called for an unsupported command: send the status and close. */
  refused(code: string, description: string): void;
  /** Called for an unpublish command. */
  publisherLeft(): void;
  /** Receives audio, video and data messages of an admitted peer. */
  media(message: RtmpMessage): void;
};

/** The only application: `rtmp://host/live`. */
const APPLICATION = 'live';
/** Version byte C0 (Adobe RTMP 1.0, 5.2.2). 6 would be the encrypted RTMPE. */
const RTMP_VERSION = 3;
const HANDSHAKE_DONE = 3;
/** Acknowledgement window unless the peer sets another (5.4.3, 5.4.4). */
const ACKNOWLEDGEMENT_WINDOW_BYTES = 2_500_000;
const MINIMUM_WINDOW_BYTES = 64 << 10;
const MAXIMUM_STREAM_KEY_CHARACTERS = 512;
/** Maximum length of a command or data message. */
const MAXIMUM_COMMAND_BYTES = 64 << 10;
const MAXIMUM_CREATED_STREAMS = 8;
/** User control events (7.1.7). */
const PING_REQUEST = 6;
const PING_RESPONSE = 7;
const UNPUBLISH_COMMANDS = new Set(['FCUnpublish', 'deleteStream', 'closeStream']);

/**
 * RTMP protocol of one connection. Uses the handshake, AMF codec, session state and replies of node-media-server, over
 * `ChunkReader`, and checks what the library does not. Uses none of its servers, sessions and broadcasts.
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
  #isHandshakeDone = false;
  #admitted = false;
  /** Reading is stopped during admission or for good. */
  #stopped = false;
  #unread: Buffer[] = [];

  constructor(limits: RtmpLimits, fourCcs: string[], events: RtmpProtocolEvents) {
    this.#events = events;
    this.#limits = limits;
    this.#fourCcs = fourCcs;
    const bufferedBytes = limits.messageBytesBefore * 2;
    this.#chunks = new ChunkReader(
      { messageBytes: (type) => this.#messageBytes(type), bufferedBytes, chunkStreams: limits.chunkStreams },
      (message) => this.#message(message),
    );
    this.#replaceMethods(this.#rtmp);
  }

  /**
   * Parses bytes received from the socket.
   *
   * @throws RtmpProtocolError on a protocol violation; other errors come from the library on malformed bytes
   */
  receive(bytes: Buffer): void {
    if (this.#received === 0 && bytes[0] !== RTMP_VERSION) throw new RtmpProtocolError('this is not RTMP');
    this.#received += bytes.length;
    if (!this.#admitted && this.#received > this.#limits.totalBytesBefore) {
      throw new RtmpProtocolError('too many bytes before publishing');
    }
    if (this.#stopped) this.#unread.push(Buffer.from(bytes));
    else this.#read(bytes);
    this.#acknowledge();
  }

  /** Stops reading; keeps unread bytes until `admit`. */
  stop(): void {
    this.#stopped = true;
    this.#chunks.stop();
  }

  /** Accepts media: sends `NetStream.Publish.Start` and reads the kept bytes. */
  admit(): void {
    this.#admitted = true;
    this.#stopped = false;
    this.#chunks.setBufferedBytes(this.#limits.bufferedBytes);
    this.status('status', 'NetStream.Publish.Start', 'Publishing.');
    const rest = this.#unread;
    this.#unread = [];
    for (const bytes of rest) {
      if (this.#stopped) this.#unread.push(bytes);
      else this.#read(bytes);
    }
  }

  /** Sends `onStatus` (7.2.2). Replaces non-ASCII characters, which the library's encoder corrupts. */
  status(level: 'status' | 'error', code: string, description: string): void {
    if (this.#rtmp.connectCmdObj === undefined) return;
    const text = description.replace(/[^\x20-\x7e]/g, '?');
    this.#rtmp.sendStatusMessage(this.#rtmp.streamId ?? 0, level, code, text);
  }

  #read(bytes: Buffer): void {
    this.#rtmp.parserData(bytes);
    this.#checkHandshake();
  }

  #checkHandshake(): void {
    if (this.#isHandshakeDone || this.#rtmp.handshakeState !== HANDSHAKE_DONE) return;
    this.#isHandshakeDone = true;
    this.#events.handshakeDone();
  }

  #messageBytes(type: number): number {
    if (!this.#admitted) return this.#limits.messageBytesBefore;
    return type === MESSAGE.audio || type === MESSAGE.video
      ? this.#limits.messageBytes
      : MAXIMUM_COMMAND_BYTES;
  }

  #acknowledge(): void {
    const window = Math.min(
      ACKNOWLEDGEMENT_WINDOW_BYTES,
      Math.max(MINIMUM_WINDOW_BYTES, this.#rtmp.ackSize ?? Infinity),
    );
    if (this.#received - this.#acknowledged < window) return;
    if (!this.#isHandshakeDone) return;
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
      // The AMF3 form is a zero byte followed by AMF0.
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

  /** Replaces the library's methods that are unsafe or reply before admission. */
  #replaceMethods(rtmp: Rtmp): void {
    rtmp.flv = null; // Frees a parser of 1 MiB that RTMP does not use.
    rtmp.onOutputCallback = (bytes) => this.#events.output(bytes);
    rtmp.chunkRead = (data, offset, length) => {
      this.#checkHandshake();
      const all = offset === 0 && length === data.length;
      const rest = this.#chunks.read(all ? data : data.subarray(offset, offset + length));
      if (rest) this.#unread.unshift(Buffer.from(rest));
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
      if (++this.#createdStreams > MAXIMUM_CREATED_STREAMS)
        throw new RtmpProtocolError('too many message streams');
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
  #control(original: () => void): void {
    const { header, payload } = this.#rtmp.parserPacket;
    if (payload.length < 4) throw new RtmpProtocolError('a control message is too short');
    if (header.type === MESSAGE.abort) this.#chunks.abort(payload.readUInt32BE(0));
    // The highest bit must be 0 (5.4.1): `setChunkSize` refuses such a size.
    if (header.type === MESSAGE.setChunkSize) this.#chunks.setChunkSize(payload.readUInt32BE(0));
    original();
  }

  #userControl(): void {
    const { payload } = this.#rtmp.parserPacket;
    if (payload.length < 6 || payload.readUInt16BE(0) !== PING_REQUEST) return;
    this.#rtmp.sendStreamStatus(PING_RESPONSE, payload.readUInt32BE(2));
  }

  #command(original: () => void): void {
    const { header, payload } = this.#rtmp.parserPacket;
    const name = commandName(header.type === MESSAGE.commandAmf3 ? payload.subarray(1) : payload);
    if (UNPUBLISH_COMMANDS.has(name)) {
      if (this.#admitted) this.#events.publisherLeft();
      return;
    }
    if (name === 'releaseStream' || name === 'FCPublish') this.#answerStreamCommand(payload);
    else original();
  }

  /** Answers `releaseStream` and `FCPublish`, which have no effect: some encoders wait for it. */
  #answerStreamCommand(payload: Buffer): void {
    this.#requireConnect();
    const transactionId = numberBehindName(payload);
    if (transactionId === undefined) return;
    this.#rtmp.sendInvokeMessage(0, { cmd: '_result', transId: transactionId, cmdObj: null });
  }

  #connect(message: RtmpInvokeMessage, original: (message: RtmpInvokeMessage) => void): void {
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
    // Fixes AMF0: the library would accept AMF3 when requested.
    original({ ...message, cmdObj: { ...values, app: APPLICATION, objectEncoding: 0 } });
  }

  #refuseConnect(message: RtmpInvokeMessage, code: string, description: string): void {
    this.#rtmp.setChunkSize(this.#rtmp.outChunkSize);
    const info = { level: 'error', code, description };
    this.#rtmp.sendInvokeMessage(0, { cmd: '_error', transId: message.transId ?? 1, cmdObj: null, info });
    this.#events.refused(code, description);
  }

  #respondConnect(transactionId: unknown): void {
    const fourCcList = [...this.#fourCcs];
    // Makes the library encode an AMF0 strict array.
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
    if (streamKey === '' || streamKey.length > MAXIMUM_STREAM_KEY_CHARACTERS) {
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

/** Removes the slashes and the query that some encoders add. */
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
