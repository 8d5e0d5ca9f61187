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
  aggregate: 22,
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

/** FLV tag header: type, length, timestamp with its high byte, stream id. */
const TAG_HEADER_BYTES = 11;
/** Length of the tag before, behind each tag. */
const BACK_POINTER_BYTES = 4;

/**
 * Splits an aggregate message (7.1.6) into its messages. Their times are relative to the first of them, whose time is that of
 * the aggregate. A message that is cut off is left out.
 */
export function* splitAggregate(aggregate: RtmpMessage): Generator<RtmpMessage> {
  const { payload } = aggregate;
  let firstTime: number | undefined;
  let at = 0;
  while (at + TAG_HEADER_BYTES <= payload.length) {
    const begin = at + TAG_HEADER_BYTES;
    const end = begin + payload.readUIntBE(at + 1, 3);
    if (end > payload.length) break;
    const time = payload.readUIntBE(at + 4, 3) + payload[at + 7]! * 2 ** 24;
    firstTime ??= time;
    yield {
      ...aggregate,
      type: payload[at]!,
      timestamp: (aggregate.timestamp + time - firstTime) >>> 0,
      // A copy: buffers of media count the bytes of messages, not those of an aggregate that a slice would keep.
      payload: Buffer.from(payload.subarray(begin, end)),
    };
    at = end + BACK_POINTER_BYTES;
  }
}

/** Command of a peer (7.2.1, 7.2.2). Its values are as the peer sent them. */
export type RtmpCommand =
  | { kind: 'connect'; transactionId: number; values: Record<string, unknown> | undefined }
  | { kind: 'createStream'; transactionId: number }
  /** `releaseStream` and `FCPublish`: no effect, but some encoders wait for the answer. */
  | { kind: 'announce'; transactionId: number | undefined }
  | { kind: 'publish'; streamId: number; streamName: string }
  | { kind: 'play'; streamId: number }
  /** `FCUnpublish`, `deleteStream` and `closeStream`. */
  | { kind: 'unpublish' }
  | { kind: 'other' };

/** Protocol violation that ends the connection. The message contains no secrets and may be logged. */
export class RtmpProtocolError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'RtmpProtocolError';
  }
}
