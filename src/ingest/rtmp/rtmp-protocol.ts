import { parseRelayPath, type RelayPath } from '../../streams/index.js';
import { ChunkReader } from './chunk-reader.js';
import { NodeMediaServerAdapter } from './node-media-server-adapter.js';
import { APPLICATION, isServedApplication, streamKeyOf } from './publish-address.js';
import type { RtmpLimits } from './rtmp-limits.js';
import {
  MESSAGE,
  type RtmpCommand,
  type RtmpMessage,
  RtmpProtocolError,
  splitAggregate,
} from './rtmp-message.js';

/** Callbacks to the connection, called synchronously from `receive` or `admit`. */
export type RtmpProtocolEvents = {
  output(bytes: Buffer): void;
  /** Called once when the handshake is complete. */
  handshakeDone(): void;
  /** Called for `publish`; `encoder` is the `flashVer` of `connect`. */
  publish(streamKey: string, encoder: string | undefined, relayPath: RelayPath): void;
  /** Called for an unsupported command: send the status and close. */
  refused(code: string, description: string): void;
  /** Called for an unpublish command. */
  publisherLeft(): void;
  /** Receives audio, video and data messages of an admitted peer. */
  media(message: RtmpMessage): void;
};

/** Version byte C0 (Adobe RTMP 1.0, 5.2.2). 6 would be the encrypted RTMPE. */
const RTMP_VERSION = 3;
/** Acknowledgement window unless the peer sets another (5.4.3, 5.4.4). */
const ACKNOWLEDGEMENT_WINDOW_BYTES = 2_500_000;
const MINIMUM_WINDOW_BYTES = 64 << 10;
const MAXIMUM_STREAM_KEY_CHARACTERS = 512;
/** Maximum length of a command or data message. */
const MAXIMUM_COMMAND_BYTES = 64 << 10;
/** Maximum length of an aggregate message: its messages are handled at once. */
const MAXIMUM_AGGREGATE_BYTES = 1 << 20;
const MAXIMUM_CREATED_STREAMS = 8;
/** User control event (7.1.7). */
const PING_REQUEST = 6;

/** Values of `connect`: `app`, `flashVer` and `relayPath`. */
type Connected = { app: string; encoder: string | undefined; relayPath: RelayPath };

/** RTMP protocol of one connection: the session's state, its rules and limits, over `ChunkReader`. */
export class RtmpProtocol {
  readonly #library: NodeMediaServerAdapter;
  readonly #events: RtmpProtocolEvents;
  readonly #limits: RtmpLimits;
  readonly #fourCcs: string[];
  readonly #chunks: ChunkReader;
  #received = 0;
  #acknowledged = 0;
  #windowBytes = ACKNOWLEDGEMENT_WINDOW_BYTES;
  #createdStreams = 0;
  #isHandshakeDone = false;
  #connected: Connected | undefined;
  /** Message stream that the peer publishes or plays on; 0 before. */
  #streamId = 0;
  #admitted = false;
  /** Reading is stopped during admission or for good. */
  #stopped = false;
  #unread: Buffer[] = [];

  constructor(limits: RtmpLimits, fourCcs: string[], events: RtmpProtocolEvents) {
    this.#events = events;
    this.#limits = limits;
    this.#fourCcs = fourCcs;
    this.#library = new NodeMediaServerAdapter((bytes) => this.#events.output(bytes));
    const bufferedBytes = limits.messageBytesBefore * 2;
    this.#chunks = new ChunkReader(
      { messageBytes: (type) => this.#messageBytes(type), bufferedBytes, chunkStreams: limits.chunkStreams },
      (message) => this.#message(message),
    );
  }

  /**
   * Parses bytes received from the socket.
   *
   * @throws RtmpProtocolError on a protocol violation; errors of other classes on malformed AMF0
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

  /** Sends `onStatus` (7.2.2), in ASCII, once the peer has connected. */
  status(level: 'status' | 'error', code: string, description: string): void {
    if (this.#connected) this.#library.sendStatus(this.#streamId, level, code, description);
  }

  #read(bytes: Buffer): void {
    const unread = this.#chunks.read(this.#isHandshakeDone ? bytes : this.#handshake(bytes));
    if (unread) this.#unread.unshift(Buffer.from(unread));
  }

  #handshake(bytes: Buffer): Buffer {
    const rest = this.#library.handshake(bytes);
    if (this.#library.isHandshakeDone) {
      this.#isHandshakeDone = true;
      this.#events.handshakeDone();
    }
    return rest;
  }

  #messageBytes(type: number): number {
    if (!this.#admitted) return this.#limits.messageBytesBefore;
    if (type === MESSAGE.aggregate) return MAXIMUM_AGGREGATE_BYTES;
    return type === MESSAGE.audio || type === MESSAGE.video
      ? this.#limits.messageBytes
      : MAXIMUM_COMMAND_BYTES;
  }

  #acknowledge(): void {
    if (this.#received - this.#acknowledged < this.#windowBytes || !this.#isHandshakeDone) return;
    this.#acknowledged = this.#received;
    this.#library.sendAcknowledgement(this.#received % 2 ** 32);
  }

  #message(message: RtmpMessage): void {
    const { type, payload } = message;
    switch (type) {
      case MESSAGE.audio:
      case MESSAGE.video:
      case MESSAGE.data:
        if (this.#admitted) this.#events.media(message);
        return;
      case MESSAGE.dataAmf3:
        // The AMF3 form is a zero byte followed by AMF0.
        if (!this.#admitted) return;
        this.#events.media({ ...message, type: MESSAGE.data, payload: payload.subarray(1) });
        return;
      case MESSAGE.aggregate:
        if (this.#admitted) this.#aggregate(message);
        return;
      case MESSAGE.command:
      case MESSAGE.commandAmf3:
        this.#command(this.#library.decodeCommand(message));
        return;
      case MESSAGE.userControl:
        if (payload.length < 6 || payload.readUInt16BE(0) !== PING_REQUEST) return;
        this.#library.sendPingResponse(payload.readUInt32BE(2));
        return;
      case MESSAGE.setChunkSize:
        // The highest bit must be 0 (5.4.1): `setChunkSize` refuses such a size.
        this.#chunks.setChunkSize(controlValue(payload));
        return;
      case MESSAGE.abort:
        this.#chunks.abort(controlValue(payload));
        return;
      case MESSAGE.windowAcknowledgementSize:
        this.#windowBytes = Math.min(
          ACKNOWLEDGEMENT_WINDOW_BYTES,
          Math.max(MINIMUM_WINDOW_BYTES, controlValue(payload)),
        );
    }
  }

  /** Passes on the media of an aggregate; other messages have no place in it. */
  #aggregate(aggregate: RtmpMessage): void {
    for (const message of splitAggregate(aggregate)) {
      const { type, payload } = message;
      if (type !== MESSAGE.audio && type !== MESSAGE.video && type !== MESSAGE.data) continue;
      if (payload.length > this.#messageBytes(type))
        throw new RtmpProtocolError(`a message of type ${type} with ${payload.length} bytes is too long`);
      this.#events.media(message);
    }
  }

  #command(command: RtmpCommand): void {
    switch (command.kind) {
      case 'connect':
        this.#connect(command.transactionId, command.values);
        return;
      case 'createStream':
        this.#requireConnect();
        if (++this.#createdStreams > MAXIMUM_CREATED_STREAMS)
          throw new RtmpProtocolError('too many message streams');
        this.#library.createStream(command.transactionId);
        return;
      case 'announce':
        this.#requireConnect();
        if (command.transactionId !== undefined) this.#library.sendResult(command.transactionId);
        return;
      case 'publish':
        this.#publish(command.streamId, command.streamName);
        return;
      case 'play':
        this.#requireConnect();
        this.#streamId = command.streamId;
        this.#events.refused('NetStream.Play.Failed', 'Streams are not played by RTMP here: watch by HLS.');
        return;
      case 'unpublish':
        if (this.#admitted) this.#events.publisherLeft();
    }
  }

  #connect(transactionId: number, values: Record<string, unknown> | undefined): void {
    if (this.#connected) throw new RtmpProtocolError('connect came twice');
    if (!values) throw new RtmpProtocolError('connect came without its object');
    const { app, flashVer } = values;
    if (typeof app !== 'string') throw new RtmpProtocolError('connect names no application');
    if (!isServedApplication(app)) {
      const code = 'NetConnection.Connect.InvalidApp';
      const advice = `The server URL must end in /${APPLICATION}; the stream key has its own field.`;
      this.#library.refuseConnect(transactionId, code, advice);
      this.#events.refused(code, advice);
      return;
    }
    const encoder = typeof flashVer === 'string' ? flashVer : undefined;
    this.#connected = { app, encoder, relayPath: parseRelayPath(values.relayPath) };
    this.#library.acceptConnect(transactionId, this.#fourCcs);
  }

  #publish(streamId: number, streamName: string): void {
    const { app, encoder, relayPath } = this.#requireConnect();
    if (this.#admitted) {
      this.#events.refused('NetStream.Publish.BadName', 'This connection is publishing already.');
      return;
    }
    this.#streamId = streamId;
    const streamKey = streamKeyOf(app, streamName);
    if (streamKey === '' || streamKey.length > MAXIMUM_STREAM_KEY_CHARACTERS) {
      const fault = streamKey === '' ? 'missing' : 'too long';
      this.#events.refused(
        'NetStream.Publish.BadName',
        `The stream key is ${fault}: copy it from your livestream.`,
      );
      return;
    }
    this.#events.publish(streamKey, encoder, relayPath);
  }

  #requireConnect(): Connected {
    if (!this.#connected) throw new RtmpProtocolError('a command came before connect');
    return this.#connected;
  }
}

/** Value of a protocol control message (5.4). */
function controlValue(payload: Buffer): number {
  if (payload.length < 4) throw new RtmpProtocolError('a control message is too short');
  return payload.readUInt32BE(0);
}
