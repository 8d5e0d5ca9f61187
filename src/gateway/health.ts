import { IngestHealth } from '../health/index.js';
import type { BoundedCalls, Clock, Logger, Sql } from '../platform/index.js';
import type { StreamRegistry } from '../streams/index.js';
import { openAudioMeter, type Transcoder } from '../transcode/index.js';

export type HealthModules = {
  sql: Sql;
  streams: StreamRegistry;
  transcoder: Pick<Transcoder, 'ffmpeg'>;
  calls: BoundedCalls;
  clock: Clock;
  log: Logger;
};

/** Opens the ingest health and subscribes it to broadcasts. */
export function openHealth({ sql, streams, transcoder, calls, clock, log }: HealthModules): IngestHealth {
  const { ffmpeg } = transcoder;
  const health = new IngestHealth({
    sql,
    notices: (streamId) => streams.status(streamId).notices,
    openAudioMeter: (source, report) => openAudioMeter(ffmpeg, source, report),
    calls,
    clock,
    log: log.child({ module: 'health' }),
  });
  streams.subscribe(health);
  return health;
}
