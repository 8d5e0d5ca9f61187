import type { Clock } from '../platform/index.js';
import type { Broadcast, BroadcastSubscription, Source } from '../streams/index.js';
import type { AudioMeters } from './audio-meters.js';
import type { Finding } from './finding.js';
import { PublicationHealth, type Verdict } from './publication-health.js';
import { Series } from './series.js';

/** Time for which a fault must be absent before its finding ends, ms. */
const CLEAR_AFTER_MS = 10_000;
/** Interval at which a changed sentence of a present finding is stored, ms: it has numbers. */
const STORE_MESSAGE_MS = 30_000;

export type BroadcastHealthOptions = {
  broadcast: Broadcast;
  notices(): readonly { topic: string; message: string }[];
  meters: AudioMeters;
  /** Stores a finding that has begun, changed or ended. */
  store(finding: Finding): void;
  /** Called at the end of the broadcast. */
  ended(): void;
  clock: Clock;
};

type Present = { lastSeenAt: number; storedAt: number };

/** Series and findings of one broadcast. */
export class BroadcastHealth implements BroadcastSubscription {
  readonly broadcastId: string;
  readonly startedAt: number;
  readonly series = new Series();
  readonly #options: BroadcastHealthOptions;
  /** One per code, in the order in which they were found first. */
  readonly #findings = new Map<string, Finding>();
  readonly #present = new Map<string, Present>();
  #source: Source | undefined;
  #publication: PublicationHealth | undefined;

  constructor(options: BroadcastHealthOptions) {
    this.#options = options;
    this.broadcastId = options.broadcast.id;
    this.startedAt = options.broadcast.startedAt;
  }

  get findings(): Finding[] {
    return [...this.#findings.values()];
  }

  /** Adds findings of the time before the gateway was restarted. */
  restore(findings: readonly Finding[]): void {
    for (const finding of findings)
      if (!this.#findings.has(finding.code)) this.#findings.set(finding.code, finding);
  }

  /** Measures the sound for a while, as somebody looks at it. */
  watched(): void {
    if (this.#source) this.#options.meters.watch(this.#source);
  }

  publicationStarted(source: Source): void {
    this.#publication?.close();
    this.#source = source;
    const { notices, meters, clock } = this.#options;
    const publication = new PublicationHealth({
      source,
      series: this.series,
      notices,
      audioLevel: () => meters.levelOf(source),
      judged: (verdicts) => this.#judged(verdicts),
      clock,
    });
    this.#publication = publication;
    source.read({
      restart() {},
      write() {},
      end: () => {
        publication.close();
        if (this.#publication !== publication) return;
        this.#publication = undefined;
        this.#source = undefined;
      },
    });
  }

  async broadcastEnded(): Promise<void> {
    this.#publication?.close();
    const now = this.#options.clock.now();
    for (const code of [...this.#present.keys()]) this.#end(code, now);
    this.#options.ended();
  }

  #judged(verdicts: readonly Verdict[]): void {
    const now = this.#options.clock.now();
    for (const { rule, message } of verdicts) {
      if (message !== undefined) this.#found(rule, message, now);
      else {
        const present = this.#present.get(rule.code);
        if (present && now - present.lastSeenAt >= CLEAR_AFTER_MS) this.#end(rule.code, present.lastSeenAt);
      }
    }
  }

  #found({ code, severity, cure }: Verdict['rule'], message: string, now: number): void {
    const present = this.#present.get(code);
    const known = this.#findings.get(code);
    const finding: Finding =
      present && known
        ? { ...known, message }
        : {
            code,
            severity,
            message,
            cure,
            since: now,
            until: null,
            occurrences: (known?.occurrences ?? 0) + 1,
          };
    this.#findings.set(code, finding);
    const isDue = !present || (known?.message !== message && now - present.storedAt >= STORE_MESSAGE_MS);
    this.#present.set(code, { lastSeenAt: now, storedAt: isDue ? now : present.storedAt });
    if (isDue) this.#options.store(finding);
  }

  #end(code: string, until: number): void {
    this.#present.delete(code);
    const finding = this.#findings.get(code);
    if (!finding) return;
    const ended = { ...finding, until };
    this.#findings.set(code, ended);
    this.#options.store(ended);
  }
}
