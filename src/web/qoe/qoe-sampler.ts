import type { QoeReport } from '../../api/contract.js';

export type QoeSample = QoeReport['samples'][number];
type Delivery = QoeSample['delivery'];
type Fall = NonNullable<QoeSample['fall']>;

/** Those statistics of a player that count here. */
export type PlayerReading = {
  phase: string;
  delivery: Delivery;
  latencyS: number | undefined;
  levelSwitches: number;
  stalls: number;
  stalledMs: number;
  /** Times that the player fell from WebRTC to HLS, and the last reason. */
  fallbacks?: number;
  fallback?: string;
};

/** Counters of the player that only grow, until it is replaced. */
const COUNTERS = ['stalls', 'stalledMs', 'levelSwitches'] as const;
type Counters = Record<(typeof COUNTERS)[number], number>;

/** Longest time between two samples that counts as played, ms: a page that was frozen played nothing. */
const MAXIMUM_STEP_MS = 5_000;
/** A player that is created later than this was not wanted before: the broadcast had not begun. */
const MAXIMUM_PREPARATION_MS = 5_000;
const MAXIMUM_COUNT = 1_000;
const MAXIMUM_MS = 600_000;
/** Reasons of the API; a fall for another one was chosen by the viewer. */
const FALLS: ReadonlySet<string> = new Set<Fall>([
  ...([
    'unsupported',
    'refused',
    'unavailable',
    'unreachable',
    'no-media',
    'lost',
    'loss',
    'freezes',
  ] as const),
]);

/** Turns the state of a player, read again and again, into what is reported of it. Pure. */
export class QoeSampler {
  #startedAtMs: number;
  #hasPlayer = false;
  #hasPlayed = false;
  /** A player failed before the first picture; `told`: that is reported. */
  #joinFailure: 'none' | 'found' | 'told' = 'none';
  #last: { atMs: number; delivery: Delivery; phase: string; fallbacks: number } | undefined;
  #counters: Counters | undefined;
  #samples = new Map<Delivery, QoeSample>();
  #latencies = new Map<Delivery, { sumMs: number; count: number }>();

  /** @param startedAtMs when the viewer wanted to watch, of any monotonic clock */
  constructor(startedAtMs: number) {
    this.#startedAtMs = startedAtMs;
  }

  /** The first picture was shown. */
  get hasPlayed(): boolean {
    return this.#hasPlayed;
  }

  /** Reads the player. @param stats undefined while there is none */
  read(stats: PlayerReading | undefined, nowMs: number): void {
    const last = this.#last;
    if (!stats) {
      this.#last = undefined;
      this.#counters = undefined;
      return;
    }
    if (!this.#hasPlayer && nowMs - this.#startedAtMs > MAXIMUM_PREPARATION_MS) this.#startedAtMs = nowMs;
    this.#hasPlayer = true;
    const { delivery, phase, fallbacks = 0 } = stats;
    this.#last = { atMs: nowMs, delivery, phase, fallbacks };
    const sample = this.#sampleOf(delivery);
    if (phase === 'playing' && !this.#hasPlayed) {
      this.#hasPlayed = true;
      sample.startupMs = bounded(nowMs - this.#startedAtMs, MAXIMUM_MS);
    }
    if (last && fallbacks > last.fallbacks) this.#fell(stats.fallback);
    // Stalls before the first picture are a part of the startup.
    if (this.#hasPlayed) this.#count(sample, stats, last?.delivery === delivery);
    if (phase === 'broken' && last?.phase !== 'broken') sample.failures += 1;
    if (phase === 'broken' && !this.#hasPlayed && this.#joinFailure === 'none') this.#joinFailure = 'found';
    if (phase !== 'playing') return;
    const stepMs = last?.phase === 'playing' ? nowMs - last.atMs : 0;
    if (stepMs <= MAXIMUM_STEP_MS) sample.playedMs = bounded(sample.playedMs + stepMs, MAXIMUM_MS);
    const { latencyS } = stats;
    if (latencyS === undefined) return;
    const latency = this.#latencies.get(delivery) ?? { sumMs: 0, count: 0 };
    this.#latencies.set(delivery, { sumMs: latency.sumMs + latencyS * 1_000, count: latency.count + 1 });
  }

  /** Returns what there is to report since the last call. */
  take(): QoeSample[] {
    this.#noteJoinFailure();
    const samples = [...this.#samples.values()].filter(
      ({ playedMs, rebuffers, failures, startupMs, fall, neverPlayed }) =>
        neverPlayed ||
        playedMs > 0 ||
        rebuffers > 0 ||
        failures > 0 ||
        startupMs !== undefined ||
        fall !== undefined,
    );
    for (const sample of samples) {
      const latency = this.#latencies.get(sample.delivery);
      if (latency) sample.latencyMs = bounded(latency.sumMs / latency.count, MAXIMUM_MS);
    }
    this.#samples = new Map();
    this.#latencies = new Map();
    return samples;
  }

  /** A viewer who still has no picture when it is reported failed to join. */
  #noteJoinFailure(): void {
    if (this.#hasPlayed || this.#joinFailure !== 'found' || !this.#last) return;
    this.#joinFailure = 'told';
    this.#sampleOf(this.#last.delivery).neverPlayed = true;
  }

  #count(sample: QoeSample, stats: PlayerReading, isSamePlayer: boolean): void {
    const before = this.#counters;
    const grown = (name: keyof Counters): number => {
      if (!isSamePlayer || !before) return 0;
      // A player that was replaced counts from 0 again.
      return stats[name] >= before[name] ? stats[name] - before[name] : stats[name];
    };
    sample.rebuffers = bounded(sample.rebuffers + grown('stalls'), MAXIMUM_COUNT);
    sample.rebufferMs = bounded(sample.rebufferMs + grown('stalledMs'), MAXIMUM_MS);
    sample.switches = bounded(sample.switches + grown('levelSwitches'), MAXIMUM_COUNT);
    this.#counters = { stalls: stats.stalls, stalledMs: stats.stalledMs, levelSwitches: stats.levelSwitches };
  }

  #fell(fallback: string | undefined): void {
    const reason = fallback?.split(':')[0] ?? '';
    this.#sampleOf('webrtc').fall = FALLS.has(reason) ? (reason as Fall) : 'chosen';
  }

  #sampleOf(delivery: Delivery): QoeSample {
    const sample = this.#samples.get(delivery) ?? {
      ...{ delivery, playedMs: 0, rebuffers: 0, rebufferMs: 0, switches: 0, failures: 0 },
    };
    this.#samples.set(delivery, sample);
    return sample;
  }
}

function bounded(value: number, maximum: number): number {
  return Math.round(Math.min(maximum, Math.max(0, value)));
}
