/** Upper limit of the delay, however far behind playback is: beyond it, the chat is that of the present. */
const MAXIMUM_HOLD_MS = 20_000;
/** Items that are held at most; beyond it the oldest are released early. */
const MAXIMUM_HELD = 5_000;

export type ChatHoldOptions = {
  /**
   * Returns the media time of the frame on screen, Unix ms by the server's clock; undefined: nothing is held;
   * -Infinity: everything recent is held.
   */
  playbackTimeMs: () => number | undefined;
  /** Returns the server's time, Unix ms. */
  serverTimeMs: () => number;
};

/**
 * Holds back what was said about frames that this viewer has not seen yet. Released is what playback has reached,
 * whether it goes on, stalls, is paused, or jumps.
 */
export class ChatHold<Item> {
  readonly #options: ChatHoldOptions;
  #held: { item: Item; mediaTimeMs: number }[] = [];

  constructor(options: ChatHoldOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  /**
   * Adds an item.
   *
   * @param mediaTimeMs media time that its author was watching, Unix ms; NaN: unknown
   * @returns whether it is to be shown at once, and is not held
   */
  add(item: Item, mediaTimeMs: number): boolean {
    if (this.#isDue(mediaTimeMs)) return true;
    this.#held.push({ item, mediaTimeMs });
    return false;
  }

  /** Returns what has become due, in the order in which it was added. */
  takeDue(): Item[] {
    const excess = this.#held.length - MAXIMUM_HELD;
    const due = this.#held.filter(({ mediaTimeMs }, index) => index < excess || this.#isDue(mediaTimeMs));
    if (due.length > 0) {
      const taken = new Set(due);
      this.#held = this.#held.filter((entry) => !taken.has(entry));
    }
    return due.map(({ item }) => item);
  }

  /** Removes items that are not to be shown at all. */
  remove(matches: (item: Item) => boolean): void {
    this.#held = this.#held.filter(({ item }) => !matches(item));
  }

  #isDue(mediaTimeMs: number): boolean {
    const playbackTimeMs = this.#options.playbackTimeMs();
    if (playbackTimeMs === undefined || Number.isNaN(mediaTimeMs) || mediaTimeMs <= playbackTimeMs)
      return true;
    return this.#options.serverTimeMs() - mediaTimeMs >= MAXIMUM_HOLD_MS;
  }
}
