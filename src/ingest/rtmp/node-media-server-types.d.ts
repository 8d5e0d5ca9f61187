/** The parts of node-media-server 4.4.3 that `node-media-server-adapter.ts` uses. The package has no types. */
declare module 'node-media-server/src/protocol/rtmp.js' {
  /** Handshake and replies of one connection. */
  export default class Rtmp {
    /** 0 to 2 during the handshake, then 3. */
    handshakeState: number;
    flv: unknown;
    outChunkSize: number;
    onOutputCallback: (bytes: Buffer) => void;
    parserData(data: Buffer): string | null;
    chunkRead(data: Buffer, offset: number, length: number): string | null;
    respondCreateStream(transactionId: number): void;
    sendACK(bytes: number): void;
    sendWindowACK(bytes: number): void;
    setPeerBandwidth(bytes: number, limitType: number): void;
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
