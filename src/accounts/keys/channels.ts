import type { Sql } from '../../platform/index.js';
import { type Channel, ChannelTable } from './channel-table.js';

/** Title of livestreams whose channel has none. */
const FALLBACK_TITLE = 'Livestream';

/** Settings of users' channels. */
export class Channels {
  readonly #table: ChannelTable;

  constructor(sql: Sql) {
    this.#table = new ChannelTable(sql);
  }

  /** Returns a user's channel; undefined until it is used. */
  async find(userId: string): Promise<Channel | undefined> {
    return await this.#table.find(userId);
  }

  /** Returns a user's channel, created at the first call. @param name display name of the user, if known */
  async of(userId: string, name?: string): Promise<Channel> {
    const found = await this.#table.find(userId);
    if (found) return found;
    await this.#table.ensure(userId, name?.trim() || FALLBACK_TITLE);
    return (await this.#table.find(userId)) ?? unset(userId);
  }

  /** Updates the given fields; the channel must exist. */
  async change(userId: string, changes: Partial<Omit<Channel, 'userId'>>): Promise<Channel> {
    return (await this.#table.update(userId, changes)) ?? { ...unset(userId), ...changes };
  }

  /** Deletes the settings of a user's channel. */
  async forgetUser(userId: string): Promise<void> {
    await this.#table.delete(userId);
  }
}

function unset(userId: string): Channel {
  const defaults = { defaultTitle: FALLBACK_TITLE, defaultDescription: '', recordingEnabled: false };
  return { userId, description: '', ...defaults };
}
