/** The parts of node-media-server 4.4.3 that this module uses. The package has no types. */
declare module 'node-media-server/src/protocol/rtmp.js' {
  export type RtmpInvokeMessage = {
    cmd?: unknown;
    transId?: unknown;
    cmdObj?: unknown;
    streamName?: unknown;
    type?: unknown;
  };

  /** Complete message, which the library's handlers read from `parserPacket`. */
  export type RtmpPacket = {
    header: { fmt: number; cid: number; timestamp: number; length: number; type: number; stream_id: number };
    payload: Buffer;
    clock: number;
    capacity: number;
    bytes: number;
  };

  /** Handshake, session state and replies of one connection. */
  export default class Rtmp {
    /** 0 to 2 during the handshake, then 3. */
    handshakeState: number;
    flv: unknown;
    parserPacket: RtmpPacket;
    inChunkSize: number;
    outChunkSize: number;
    /** Set by the peer's Window Acknowledgement Size. */
    ackSize?: number;
    streamApp?: string;
    streamName?: string;
    streamId?: number;
    objectEncoding?: number;
    connectCmdObj?: Record<string, unknown>;
    onOutputCallback: (bytes: Buffer) => void;
    parserData(data: Buffer): string | null;
    chunkRead(data: Buffer, offset: number, length: number): string | null;
    packetHandler(): void;
    controlHandler(): void;
    eventHandler(): void;
    invokeHandler(): void;
    dataHandler(): void;
    onConnect(message: RtmpInvokeMessage): void;
    onCreateStream(message: RtmpInvokeMessage): void;
    onPublish(message: RtmpInvokeMessage): void;
    onPlay(message: RtmpInvokeMessage): void;
    onDeleteStream(message: RtmpInvokeMessage): void;
    respondConnect(transactionId: unknown): void;
    sendACK(bytes: number): void;
    setChunkSize(bytes: number): void;
    sendStreamStatus(event: number, value: number): void;
    sendInvokeMessage(streamId: number, message: Record<string, unknown>): void;
    sendStatusMessage(streamId: number, level: string, code: string, description: string): void;
  }
}

declare module 'node-media-server/src/protocol/amf.js' {
  const amf: {
    /** @throws RangeError or TypeError on bytes that are not AMF0 */
    decodeAmf0Cmd(bytes: Buffer): Record<string, unknown>;
    decodeAmf0Data(bytes: Buffer): Record<string, unknown>;
    encodeAmf0Cmd(message: Record<string, unknown>): Buffer;
    encodeAmf0Data(message: Record<string, unknown>): Buffer;
    amf0EncodeOne(value: unknown): Buffer;
  };
  export default amf;
}

declare module 'node-media-server/src/core/logger.js' {
  const logger: { log: (message: string, level?: string) => void };
  export default logger;
}
