import type { StoredPoll } from './poll-table.js';

/** A poll as clients get it. */
export type PublicPoll = {
  id: string;
  question: string;
  options: { text: string; votes: number }[];
  /** Votes in all. */
  votes: number;
  /** ISO 8601. */
  createdAt: string;
  closesAt: string;
  closedAt: string | null;
};

export function publicPoll(poll: StoredPoll, votes: readonly number[]): PublicPoll {
  return {
    id: poll.id,
    question: poll.question,
    options: poll.options.map((text, option) => ({ text, votes: votes[option] ?? 0 })),
    votes: votes.reduce((sum, count) => sum + count, 0),
    createdAt: poll.createdAt.toISOString(),
    closesAt: poll.closesAt.toISOString(),
    closedAt: poll.closedAt?.toISOString() ?? null,
  };
}

/** A poll that is open, with who voted for what. */
export class Poll {
  readonly stored: StoredPoll;
  /** Set once it takes no more votes, while it is counted. */
  closing: Promise<PublicPoll> | undefined;
  readonly #votes = new Map<string, number>();

  constructor(stored: StoredPoll, votes: { userId: string; option: number }[]) {
    this.stored = stored;
    for (const { userId, option } of votes) this.#votes.set(userId, option);
  }

  has(userId: string): boolean {
    return this.#votes.has(userId);
  }

  vote(userId: string, option: number): void {
    this.#votes.set(userId, option);
  }

  /** For a vote that could not be stored. */
  withdraw(userId: string): void {
    this.#votes.delete(userId);
  }

  public(): PublicPoll {
    const counts = this.stored.options.map(() => 0);
    for (const option of this.#votes.values()) counts[option] = (counts[option] ?? 0) + 1;
    return publicPoll(this.stored, counts);
  }
}
