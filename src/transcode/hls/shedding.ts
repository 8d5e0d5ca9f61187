import type { Clock, Logger } from '../../platform/index.js';
import type { Broadcast } from '../../streams/index.js';
import type { Encoder } from './encoder.js';
import type { Ladder } from './ladder.js';
import { LoadWatch, renditionsToShed } from './load-watch.js';

/** Time within which a second full backlog is no moment's load, ms. */
const OVERFLOW_WINDOW_MS = 60_000;

/** Time since its last request in which a rendition is watched, ms: players reload playlists at least every few seconds. */
const WATCHED_MS = 20_000;

/** Removes renditions when the machine is too slow for all. */
export class Shedding {
  /** Removed renditions. */
  readonly ids = new Set<string>();
  readonly #broadcast: Broadcast;
  readonly #clock: Clock;
  readonly #log: Logger;
  #load = new LoadWatch();
  #overflowedAt = Number.NEGATIVE_INFINITY;

  constructor(broadcast: Broadcast, clock: Clock, log: Logger) {
    this.#broadcast = broadcast;
    this.#clock = clock;
    this.#log = log;
  }

  /** Restarts the measurement, for a new encoder or unreliable samples. */
  forget(): void {
    this.#load = new LoadWatch();
  }

  /** Removes all encoded video renditions, after their encoder has failed too often. */
  giveUp(ladder: Ladder): void {
    for (const { id, passthrough } of ladder.video) if (!passthrough) this.ids.add(id);
    const text =
      'Encoding failed too often: only the quality that you send is offered. The log names the cause.';
    this.#broadcast.notice('shed', text);
  }

  /**
   * Measures an encoder.
   *
   * @param ladder all renditions, also those that are copied
   * @returns true when an encoder with fewer renditions must replace it
   */
  measure(encoder: Pick<Encoder, 'progress'>, ladder: Ladder): boolean {
    const { progress } = encoder;
    if (!progress) return false;
    const speed = this.#load.measure({ at: this.#clock.monotonic(), ...progress });
    return speed !== undefined && this.#shed(ladder, speed);
  }

  /**
   * Records that the backlog of an encoder is full before its speed was measured long enough.
   *
   * @param ladder all renditions, also those that are copied
   * @returns true when an encoder with fewer renditions must replace it: at the second time within a minute
   */
  overflowed(ladder: Ladder): boolean {
    const now = this.#clock.monotonic();
    const isRepeated = now - this.#overflowedAt < OVERFLOW_WINDOW_MS;
    this.#overflowedAt = now;
    return isRepeated && this.#shed(ladder, this.#load.speed);
  }

  #shed(ladder: Ladder, speed: number): boolean {
    this.forget();
    const video = ladder.video.filter(({ id }) => !this.ids.has(id));
    const shed = renditionsToShed({ ...ladder, video }, speed, (id) =>
      this.#broadcast.hlsDemand.isRenditionWithin(id, WATCHED_MS),
    );
    this.#log.warn({ speed: Math.round(speed * 100) / 100, shed }, 'the encoder is too slow');
    if (shed.length === 0) return false;
    for (const id of shed) this.ids.add(id);
    const left = [...this.ids].join(', ');
    this.#broadcast.notice('shed', `The server is too slow for all renditions: ${left} left out.`);
    return true;
  }
}
