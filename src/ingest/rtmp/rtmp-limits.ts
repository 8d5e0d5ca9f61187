/** Limits of RTMP connections. Times in ms, sizes in bytes. */
export type RtmpLimits = {
  /** From the connection to the end of the RTMP handshake, TLS included. */
  handshakeMs: number;
  /** From the end of the handshake to the beginning of media: connect, publish, admission. */
  publishMs: number;
  /** Time without audio or video after which a publisher is disconnected. */
  silenceMs: number;
  /** Before admission: maximum message length, and maximum bytes in total. */
  messageBytesBefore: number;
  totalBytesBefore: number;
  /** Maximum length of an audio or video message; commands and data: 64 KiB. */
  messageBytes: number;
  /** Maximum bytes of all unfinished messages of an admitted connection. */
  bufferedBytes: number;
  chunkStreams: number;
  /** Maximum bytes of replies that a peer leaves unread. */
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
