/** Message type ids (Adobe RTMP 1.0, sections 5.4, 6.2 and 7.1). */
export const MESSAGE = {
  setChunkSize: 1,
  abort: 2,
  acknowledgement: 3,
  userControl: 4,
  windowAcknowledgementSize: 5,
  setPeerBandwidth: 6,
  audio: 8,
  video: 9,
  dataAmf3: 15,
  commandAmf3: 17,
  data: 18,
  command: 20,
} as const;

/** RTMP message assembled from its chunks. */
export type RtmpMessage = {
  type: number;
  /** Milliseconds; wraps after 2^32. */
  timestamp: number;
  streamId: number;
  chunkStreamId: number;
  /** Owned by the receiver; never written again. */
  payload: Buffer;
};

/** Protocol violation that ends the connection. The message contains no secrets and may be logged. */
export class RtmpProtocolError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'RtmpProtocolError';
  }
}
