import type { Clock, Logger, Queries, Sql } from '../platform/index.js';
import type { Admit, Refusal } from './admission/publisher-admission.js';
import type { MayPublish } from './admission/publisher-review.js';
import type { Publication } from './broadcast/publication.js';

export type StreamRegistryOptions = {
  sql: Sql;
  admit: Admit;
  /** Reviews running broadcasts. Default: all may continue. */
  mayPublish?: MayPublish;
  /** Stores the stream key of a new livestream in the same transaction, so that none is without a key. */
  keepKey?: (sql: Queries, livestream: { streamId: string; hash: string }) => Promise<void>;
  /** Called when a livestream gets a recording URL. Must not throw. */
  recorded?: (recording: { streamId: string; url: string }) => void;
  /** Wait of a broadcast for a lost publisher, ms. */
  graceMs: number;
  /** Maximum of concurrent broadcasts. */
  maxBroadcasts: number;
  clock: Clock;
  log: Logger;
};

export type PublishResult = { publication: Publication } | { refusal: Refusal };
