/** Reactions of the last seconds. */
export type RecentReaction = { reaction: string; count: number };

/** Time for which a reaction is shown, ms. */
const SHOWN_MS = 4_000;
/** Kinds that are shown at the same time. */
const MAXIMUM_KINDS = 8;

/** Reactions of the last seconds by kind; own ones appear at once, and are not counted again when the server sends them. */
export class ReactionCounts {
  readonly #onChange: () => void;
  readonly #counts = new Map<string, { count: number; timer: ReturnType<typeof setTimeout> }>();
  /** Own reactions that the server has not counted yet. */
  readonly #own = new Map<string, number>();

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  get recent(): RecentReaction[] {
    return [...this.#counts].map(([reaction, { count }]) => ({ reaction, count }));
  }

  addOwn(reaction: string): void {
    this.#own.set(reaction, (this.#own.get(reaction) ?? 0) + 1);
    this.#count(reaction, 1);
  }

  /** Adds the counts of a second. */
  add(reactions: Record<string, number>): void {
    for (const [reaction, count] of Object.entries(reactions)) {
      const own = Math.min(count, this.#own.get(reaction) ?? 0);
      this.#own.delete(reaction);
      if (count > own) this.#count(reaction, count - own);
    }
  }

  close(): void {
    for (const { timer } of this.#counts.values()) clearTimeout(timer);
    this.#counts.clear();
  }

  #count(reaction: string, count: number): void {
    const before = this.#counts.get(reaction);
    if (!before && this.#counts.size >= MAXIMUM_KINDS) return;
    clearTimeout(before?.timer);
    const timer = setTimeout(() => {
      this.#counts.delete(reaction);
      this.#onChange();
    }, SHOWN_MS);
    this.#counts.set(reaction, { count: (before?.count ?? 0) + count, timer });
    this.#onChange();
  }
}
