import type { FeedReader } from './media-feed.js';
import type { TargetError } from './target-error.js';

/** Time within which a target must accept the stream, ms. */
export const CONNECT_TIMEOUT_MS = 15_000;

/** Media that a target has got. */
export type Traffic = {
  /** Bytes that have left this process. */
  readonly sentBytes: number;
  /** Whether the target has not taken all that was given to it. */
  readonly isBlocked: boolean;
  readonly droppedFrames: number;
};

/** Connection to a target. */
export type TargetConnection = {
  /** Takes the media of the broadcast; undefined when the connection gets it in another way. */
  readonly reader: FeedReader | undefined;
  /**
   * Resolves with true when the target has accepted the stream, with false if it never does. Default: it has. Never
   * rejects.
   */
  readonly established?: Promise<boolean>;
  /** Resolves with the reason when nothing is left of the connection. Never rejects. */
  readonly closed: Promise<TargetError>;
  readonly traffic: Traffic;
  /** Ends the stream and closes the connection within a second. Idempotent. */
  close(): void;
  /** Closes it at once. */
  destroy(): void;
};
