import type { Clock, Logger, Sql } from '../platform/index.js';
import { Qoe } from '../qoe/index.js';
import type { StreamRegistry } from '../streams/index.js';

/** Opens the sums of players' reports and subscribes them to broadcasts. */
export function openQoe(modules: { sql: Sql; streams: StreamRegistry; clock: Clock; log: Logger }): Qoe {
  const { sql, streams, clock, log } = modules;
  const qoe = new Qoe({ sql, clock, log: log.child({ module: 'qoe' }) });
  streams.subscribe(qoe);
  return qoe;
}
