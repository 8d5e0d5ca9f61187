import type { MessageBatch } from './message-batch.js';
import type { CloseCode } from './socket.js';

/** The way to a client, whatever it speaks. After its end everything is ignored. */
export type Connection = {
  /** Bytes that wait for the client to read. */
  readonly unsent: number;
  send(bulletin: MessageBatch): void;
  /** Says goodbye. With `goingAway` and `signInOver` the client may come back by itself at once. */
  close(code: CloseCode, reason: string): void;
  /** Ends it without a goodbye, whatever is unsent. */
  cut(): void;
};
