import type { QoeReport } from '../../api/contract.js';
import { apiPath } from '../api/api-client.js';
import type { PlayerStats } from '../player/live-player.js';
import { QoeSampler } from './qoe-sampler.js';

export type QoeReporterOptions = {
  streamId: string;
  /** Server of the API; default: that of the page. */
  origin?: string;
  viewerToken: () => string | undefined;
  /** Time of the wish to play, ms of `performance.now()`; default: now. */
  wantedAtMs?: number;
  /** Statistics of the player of the live broadcast; undefined while there is none. */
  stats: () => Partial<PlayerStats> | undefined;
};

/** Interval at which the player is read: before the first picture, and later. */
const READ_MS = { first: 100, later: 1_000 };
const REPORT_MS = 30_000;

/** Reports what the viewer of a broadcast experiences: every half minute, and when the page is left. */
export class QoeReporter {
  readonly #options: QoeReporterOptions;
  readonly #sampler: QoeSampler;
  readonly #listeners = new AbortController();
  #readTimer: ReturnType<typeof setTimeout> | undefined;
  #reportTimer: ReturnType<typeof setInterval> | undefined;

  constructor(options: QoeReporterOptions) {
    this.#options = options;
    this.#sampler = new QoeSampler(options.wantedAtMs ?? performance.now());
  }

  start(): void {
    const { signal } = this.#listeners;
    window.addEventListener('pagehide', () => this.#report(), { signal });
    this.#reportTimer = setInterval(() => this.#report(), REPORT_MS);
    this.#read();
  }

  close(): void {
    this.#report();
    this.#listeners.abort();
    clearTimeout(this.#readTimer);
    clearInterval(this.#reportTimer);
  }

  #read(): void {
    const stats = this.#options.stats();
    this.#sampler.read(isOfPlayer(stats) ? stats : undefined, performance.now());
    const delayMs = this.#sampler.hasPlayed ? READ_MS.later : READ_MS.first;
    this.#readTimer = setTimeout(() => this.#read(), delayMs);
  }

  /** Sends what there is, as text, which needs no preflight request. A report that is lost is not sent again. */
  #report(): void {
    const samples = this.#sampler.take();
    if (samples.length === 0) return;
    const { streamId, origin = '', viewerToken } = this.#options;
    const token = viewerToken();
    const report: QoeReport = {
      ...{ streamId, samples },
      ...(token === undefined ? {} : { viewerToken: token }),
    };
    navigator.sendBeacon(origin + apiPath('POST /api/qoe'), JSON.stringify(report));
  }
}

function isOfPlayer(stats: Partial<PlayerStats> | undefined): stats is PlayerStats {
  return stats?.phase !== undefined;
}
