import type { Clock, Logger } from '../../platform/index.js';
import type { Broadcast } from '../../streams/index.js';
import type { Encoder } from './encoder.js';
import { LoadWatch, renditionsToShed } from './load-watch.js';

/** Removes renditions when the machine is too slow for all. */
export class Shedding {
  /** Removed renditions. */
  readonly ids = new Set<string>();
  readonly #broadcast: Broadcast;
  readonly #clock: Clock;
  readonly #log: Logger;
  #load = new LoadWatch();

  constructor(broadcast: Broadcast, clock: Clock, log: Logger) {
    this.#broadcast = broadcast;
    this.#clock = clock;
    this.#log = log;
  }

  /** Restarts the measurement, for a new encoder or unreliable samples. */
  forget(): void {
    this.#load = new LoadWatch();
  }

  /** Measures an encoder. @returns true when one with fewer renditions must replace it */
  look(encoder: Encoder): boolean {
    const { progress } = encoder;
    if (!progress) return false;
    const speed = this.#load.look({ at: this.#clock.monotonic(), ...progress });
    if (speed === undefined) return false;
    this.forget();
    const shed = renditionsToShed(encoder.ladder, speed);
    const figures = { speed: Math.round(speed * 100) / 100, lagMs: Math.round(progress.lag), shed };
    this.#log.warn(figures, 'the encoder is too slow');
    if (shed.length === 0) return false;
    for (const id of shed) this.ids.add(id);
    const left = [...this.ids].join(', ');
    this.#broadcast.notice('shed', `The server is too slow for all renditions: ${left} left out.`);
    return true;
  }
}
