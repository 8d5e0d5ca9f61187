import type { BoundedCalls, Clock, Logger, Sql } from '../platform/index.js';
import type { Broadcast, BroadcastSubscriber, BroadcastSubscription } from '../streams/index.js';
import { AudioMeters, type OpenAudioMeter } from './audio-meters.js';
import { BroadcastHealth } from './broadcast-health.js';
import type { Finding } from './finding.js';
import { FindingTable } from './finding-table.js';
import { FindingWriter } from './finding-writer.js';
import { Series, type SeriesColumns } from './series.js';

/** Health of the newest broadcast of a livestream. Times are Unix ms. */
export type Health = {
  broadcast: { id: string; startedAt: number; endedAt: number | null } | undefined;
  series: SeriesColumns;
  /** Those with an end are past. */
  findings: Finding[];
};

export type IngestHealthOptions = {
  sql: Sql;
  /** Notices about the broadcast of a livestream. */
  notices(streamId: string): readonly { topic: string; message: string }[];
  openAudioMeter: OpenAudioMeter;
  /** Bounds the time of database queries. */
  calls: BoundedCalls;
  clock: Clock;
  log: Logger;
};

/** Finds faults in the media of broadcasts, tells their cure, and keeps the findings. */
export class IngestHealth implements BroadcastSubscriber {
  readonly name = 'health';
  readonly #options: IngestHealthOptions;
  readonly #table: FindingTable;
  readonly #writer: FindingWriter;
  readonly #meters: AudioMeters;
  readonly #running = new Map<string, BroadcastHealth>();

  constructor(options: IngestHealthOptions) {
    this.#options = options;
    this.#table = new FindingTable(options.sql);
    this.#writer = new FindingWriter(this.#table, options.clock, options.log);
    this.#meters = new AudioMeters(options.openAudioMeter, options.clock);
  }

  subscribe(broadcast: Broadcast): BroadcastSubscription {
    const { id, streamId } = broadcast;
    const health: BroadcastHealth = new BroadcastHealth({
      broadcast,
      notices: () => this.#options.notices(streamId),
      meters: this.#meters,
      store: (finding) => this.#writer.add({ ...finding, broadcastId: id }),
      ended: () => {
        if (this.#running.get(streamId) === health) this.#running.delete(streamId);
      },
      clock: this.#options.clock,
    });
    this.#running.set(streamId, health);
    if (broadcast.resumed) void this.#restore(health);
    return health;
  }

  /**
   * Returns the health of a livestream's newest broadcast, whose sound is measured for a while from now on.
   *
   * @param since Unix ms; only later samples
   */
  async read(streamId: string, since?: number): Promise<Health> {
    const running = this.#running.get(streamId);
    if (running) {
      running.watched();
      const { broadcastId: id, startedAt, series, findings } = running;
      return { broadcast: { id, startedAt, endedAt: null }, series: series.columns(since), findings };
    }
    const { calls } = this.#options;
    const broadcast = await calls.run(() => this.#table.newestBroadcast(streamId));
    const findings = broadcast ? await calls.run(() => this.#table.list(broadcast.id)) : [];
    return { broadcast, series: new Series().columns(), findings };
  }

  /** Ends the meters, and stores what waits. */
  async close(): Promise<void> {
    await this.#meters.close();
    await this.#writer.close();
  }

  /** Reads the findings of the time before a restart; those that were present ended with it. */
  async #restore(health: BroadcastHealth): Promise<void> {
    const { clock, log } = this.#options;
    try {
      const findings = await this.#table.list(health.broadcastId);
      const now = clock.now();
      health.restore(findings.map((finding) => ({ ...finding, until: finding.until ?? now })));
    } catch (error) {
      log.warn({ err: error }, 'the findings of a resumed broadcast could not be read');
    }
  }
}
