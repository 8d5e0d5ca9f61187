import type { MessageBatch } from './message-batch.js';
import type { CloseCode } from './socket.js';

/** A connection to a client by either protocol. Calls after its end have no effect. */
export type Connection = {
  /** Bytes written and not yet accepted by the peer. */
  readonly bufferedBytes: number;
  send(batch: MessageBatch): void;
  /** Closes with a code. After `goingAway` and `signInOver` clients may reconnect at once. */
  close(code: CloseCode, reason: string): void;
  /** Ends the connection without a close frame, and discards the buffer. */
  terminate(): void;
};
