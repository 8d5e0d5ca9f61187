import type { Broadcast, Source } from '../../streams/index.js';

/** Slows a publisher down while the encoder cannot keep up, and notifies the broadcaster. */
export class PublisherHold {
  readonly #broadcast: Broadcast;
  readonly #source: Source;
  #release: (() => void) | undefined;

  constructor(broadcast: Broadcast, source: Source) {
    this.#broadcast = broadcast;
    this.#source = source;
  }

  get active(): boolean {
    return this.#release !== undefined;
  }

  set(active: boolean): void {
    if (active === this.active) return;
    this.#release?.();
    this.#release = active ? this.#source.hold() : undefined;
    this.#broadcast.notice(
      'transcoder',
      active ? 'The server cannot keep up with encoding: the publisher is slowed down.' : undefined,
    );
  }
}
