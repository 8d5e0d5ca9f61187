import type { Cancel, Clock } from '../platform/index.js';
import type { Source } from '../streams/index.js';
import type { AudioLevel } from './source-sampler.js';

/** Time for which the sound is measured after the last request for the health of its broadcast, ms. */
const WATCHED_MS = 20_000;
/** Meters that run at the same time: each is a process that decodes. */
const MAXIMUM_METERS = 4;

/** Meter of the sound of one publication. `closed` resolves when it measures no more, by whatever cause. */
export type AudioMeter = { readonly closed: Promise<void>; close(): void };

/** Starts a meter, which reports a level every second of media. */
export type OpenAudioMeter = (source: Source, report: (level: AudioLevel) => void) => AudioMeter;

type Running = { meter: AudioMeter; level: AudioLevel | undefined; cancel: Cancel };

/** Meters of publications whose senders do not tell the level of their sound, while somebody looks at it. */
export class AudioMeters {
  readonly #open: OpenAudioMeter;
  readonly #clock: Clock;
  readonly #running = new Map<Source, Running>();

  constructor(open: OpenAudioMeter, clock: Clock) {
    this.#open = open;
    this.#clock = clock;
  }

  /** Measures a publication from now on for a while; not beside too many others. */
  watch(source: Source): void {
    const running = this.#running.get(source);
    if (running) {
      running.cancel();
      running.cancel = this.#closeLater(running);
      return;
    }
    // RTP stays in the SFU; its senders tell the level themselves (RFC 6464).
    if (source.rtp || this.#running.size >= MAXIMUM_METERS) return;
    const started: Running = {
      meter: this.#open(source, (level) => {
        started.level = level;
      }),
      level: undefined,
      cancel: () => {},
    };
    started.cancel = this.#closeLater(started);
    this.#running.set(source, started);
    void started.meter.closed.then(() => {
      started.cancel();
      this.#running.delete(source);
    });
  }

  /** Returns the newest level; undefined: it is not measured. */
  levelOf(source: Source): AudioLevel | undefined {
    return this.#running.get(source)?.level;
  }

  /** Closes all meters. @returns when no process is left */
  async close(): Promise<void> {
    const meters = [...this.#running.values()].map(({ meter }) => meter);
    for (const meter of meters) meter.close();
    await Promise.all(meters.map(({ closed }) => closed));
  }

  #closeLater({ meter }: Running): Cancel {
    return this.#clock.after(WATCHED_MS, () => meter.close());
  }
}
