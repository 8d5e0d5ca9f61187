import type { Sql } from '../../platform/index.js';

/** A user's channel: its page, and the defaults of livestreams created when a publisher uses its key. */
export type Channel = {
  userId: string;
  /** Text on the page of the channel. */
  description: string;
  defaultTitle: string;
  defaultDescription: string;
  recordingEnabled: boolean;
};

/** Statements on the table `channels`; no other class queries it. */
export class ChannelTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async find(userId: string): Promise<Channel | undefined> {
    const [row] = await this.#sql<
      Channel[]
    >`select ${this.#columns()} from channels where user_id = ${userId}`;
    return row;
  }

  /** Inserts a user's channel unless it exists. */
  async ensure(userId: string, defaultTitle: string): Promise<void> {
    await this.#sql`
      insert into channels (user_id, default_title) values (${userId}, ${defaultTitle}) on conflict do nothing`;
  }

  /** Updates the given fields. @returns undefined when the channel does not exist. */
  async update(userId: string, changes: Partial<Omit<Channel, 'userId'>>): Promise<Channel | undefined> {
    const {
      defaultTitle = null,
      defaultDescription = null,
      recordingEnabled = null,
      description = null,
    } = changes;
    const [row] = await this.#sql<Channel[]>`
      update channels set default_title = coalesce(${defaultTitle}, default_title),
        default_description = coalesce(${defaultDescription}, default_description),
        recording_enabled = coalesce(${recordingEnabled}, recording_enabled),
        description = coalesce(${description}, description)
      where user_id = ${userId} returning ${this.#columns()}`;
    return row;
  }

  async delete(userId: string): Promise<void> {
    await this.#sql`delete from channels where user_id = ${userId}`;
  }

  #columns(): ReturnType<Sql> {
    return this.#sql`user_id as "userId", description, default_title as "defaultTitle",
      default_description as "defaultDescription", recording_enabled as "recordingEnabled"`;
  }
}
