import type { Sql } from '../../platform/index.js';
import { type Channel, ChannelTable } from './channel-table.js';

/** What a livestream is called when its channel was never given a title. */
const UNTITLED = 'Livestream';

/** How users' channels are set: what is made when somebody publishes with the key of one. */
export class Channels {
  readonly #table: ChannelTable;

  constructor(sql: Sql) {
    this.#table = new ChannelTable(sql);
  }

  /** A user's channel; made on the first ask. @param name what others know the user by, if that is known */
  async of(userId: string, name?: string): Promise<Channel> {
    const found = await this.#table.find(userId);
    if (found) return found;
    await this.#table.ensure(userId, name?.trim() || UNTITLED);
    return (await this.#table.find(userId)) ?? unset(userId);
  }

  /** Changes what is given; the channel must have been asked for before. */
  async change(userId: string, changes: Partial<Omit<Channel, 'userId'>>): Promise<Channel> {
    return (await this.#table.update(userId, changes)) ?? { ...unset(userId), ...changes };
  }

  /** How somebody's channel was set is forgotten. */
  async forgetUser(userId: string): Promise<void> {
    await this.#table.delete(userId);
  }
}

function unset(userId: string): Channel {
  return { userId, defaultTitle: UNTITLED, defaultDescription: '', recordingEnabled: false };
}
