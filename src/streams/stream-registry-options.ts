import type { Clock, Logger, Sql } from '../platform/index.js';
import type { Admit, Refusal } from './admission/publisher-admission.js';
import type { MayPublish } from './admission/publisher-review.js';
import type { Publication } from './broadcast/publication.js';
import type { Livestreams } from './livestream/livestreams.js';

export type StreamRegistryOptions = {
  sql: Sql;
  livestreams: Livestreams;
  admit: Admit;
  /** Reviews running broadcasts. Default: all may continue. */
  mayPublish?: MayPublish;
  /** Wait of a broadcast for a lost publisher, ms. */
  graceMs: number;
  /** Maximum of concurrent broadcasts. */
  maxBroadcasts: number;
  clock: Clock;
  log: Logger;
};

export type PublishResult = { publication: Publication } | { refusal: Refusal };
