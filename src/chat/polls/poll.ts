import type { StoredPoll } from './poll-table.js';

/** A poll as sent to clients. */
export type PublicPoll = {
  id: string;
  question: string;
  options: { text: string; votes: number }[];
  /** Total of all options. */
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

/** An open poll with its votes by user. */
export class Poll {
  readonly stored: StoredPoll;
  /** Set while the votes are being counted; no further vote is accepted. */
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

  /** Removes a vote that could not be stored. */
  withdraw(userId: string): void {
    this.#votes.delete(userId);
  }

  public(): PublicPoll {
    const counts = this.stored.options.map(() => 0);
    for (const option of this.#votes.values()) counts[option] = (counts[option] ?? 0) + 1;
    return publicPoll(this.stored, counts);
  }
}
