/** What one peer may cost. Times in ms, sizes in bytes. */
export type RtmpLimits = {
  /** From the connection to the end of the RTMP handshake, TLS included. */
  handshakeMs: number;
  /** From the end of the handshake to the beginning of media: connect, publish, admission. */
  publishMs: number;
  /** A publisher that sends no audio or video for so long is lost. */
  silenceMs: number;
  /** The longest message of a peer that has not been admitted, and all it may send until then. */
  messageBytesBefore: number;
  totalBytesBefore: number;
  /** The longest audio or video message; commands and data are held to 64 KiB. */
  messageBytes: number;
  /** All unfinished messages of an admitted connection together. */
  bufferedBytes: number;
  chunkStreams: number;
  /** What a peer may leave unread of our replies. */
  unreadBytes: number;
  connections: number;
  /** Per IPv4 address or IPv6 /64 network. */
  connectionsPerAddress: number;
};

export const DEFAULT_RTMP_LIMITS: RtmpLimits = {
  handshakeMs: 5_000,
  publishMs: 10_000,
  silenceMs: 15_000,
  messageBytesBefore: 16 << 10,
  totalBytesBefore: 128 << 10,
  messageBytes: 8 << 20,
  bufferedBytes: 12 << 20,
  chunkStreams: 32,
  unreadBytes: 64 << 10,
  connections: 2_000,
  connectionsPerAddress: 50,
};
