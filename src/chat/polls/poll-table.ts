import { idBoundary, type Queries, type Sql } from '../../platform/index.js';

/** A poll as stored. */
export type StoredPoll = {
  id: string;
  streamId: string;
  question: string;
  options: string[];
  /** Votes by option; null while the poll is open. */
  votes: number[] | null;
  createdBy: string;
  createdAt: Date;
  closesAt: Date;
  closedAt: Date | null;
};

export type Vote = { pollId: string; userId: string /** Index from 0. */; option: number };

/** Statements on `livestream_polls` and `livestream_poll_votes`, for this class alone. */
export class PollTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async insert(sql: Queries, poll: StoredPoll): Promise<void> {
    const { id, streamId, question, options, createdBy, createdAt, closesAt } = poll;
    await sql`
      insert into livestream_polls (id, stream_id, question, options, created_by, created_at, closes_at)
      values (${id}, ${streamId}, ${question}, ${options}, ${createdBy}, ${createdAt}, ${closesAt})`;
  }

  /** Returns the livestreams with an open poll. */
  async streamsWithOpenPoll(): Promise<string[]> {
    const rows = await this.#sql<{ streamId: string }[]>`
      select stream_id as "streamId" from livestream_polls where closed_at is null`;
    return rows.map((row) => row.streamId);
  }

  async open(streamId: string): Promise<StoredPoll | undefined> {
    const [row] = await this.#sql<StoredPoll[]>`
      select ${this.#columns()} from livestream_polls where stream_id = ${streamId} and closed_at is null`;
    return row;
  }

  /** Returns polls, newest first. */
  async list(streamId: string, limit: number): Promise<StoredPoll[]> {
    return await this.#sql<StoredPoll[]>`
      select ${this.#columns()} from livestream_polls where stream_id = ${streamId}
      order by id desc limit ${limit}`;
  }

  async votes(pollId: string): Promise<Vote[]> {
    return await this.#sql<Vote[]>`
      select poll_id as "pollId", user_id as "userId", option from livestream_poll_votes
      where poll_id = ${pollId}`;
  }

  /** Inserts votes; a second vote of a user is ignored. */
  async vote(votes: Vote[]): Promise<void> {
    await this.#sql`
      insert into livestream_poll_votes (poll_id, user_id, option)
      select "pollId", "userId", option
      from jsonb_to_recordset(${this.#sql.json(votes)}) as vote ("pollId" uuid, "userId" text, option integer)
      on conflict do nothing`;
  }

  /** Stores the vote counts and deletes the single votes. @returns votes by option */
  async close(sql: Queries, poll: StoredPoll, at: Date): Promise<number[]> {
    const counted = await sql<{ option: number; votes: number }[]>`
      select option, count(*)::integer as votes from livestream_poll_votes
      where poll_id = ${poll.id} group by option`;
    const votes = poll.options.map(
      (_, option) => counted.find((count) => count.option === option)?.votes ?? 0,
    );
    await sql`
      update livestream_polls set votes = ${votes}, closed_at = ${at} where id = ${poll.id} and closed_at is null`;
    await sql`delete from livestream_poll_votes where poll_id = ${poll.id}`;
    return votes;
  }

  /** Moves a user's polls, and votes in open polls, to the user id `as`. */
  async anonymise(userId: string, as: string): Promise<void> {
    await this.#sql`update livestream_polls set created_by = ${as} where created_by = ${userId}`;
    await this.#sql`update livestream_poll_votes set user_id = ${as} where user_id = ${userId}`;
  }

  /** Deletes the oldest closed polls from before a moment, at most `atMost`. @returns their number */
  async sweep(before: Date, atMost: number): Promise<number> {
    const result = await this.#sql`
      delete from livestream_polls where id in (
        select id from livestream_polls where id < ${idBoundary(before)} and closed_at is not null
        order by id limit ${atMost})`;
    return result.count;
  }

  #columns(): ReturnType<Sql> {
    return this.#sql`id, stream_id as "streamId", question, options, votes, created_by as "createdBy",
      created_at as "createdAt", closes_at as "closesAt", closed_at as "closedAt"`;
  }
}
