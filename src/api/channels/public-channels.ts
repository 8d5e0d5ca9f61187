import type { Authentication, Channels } from '../../accounts/index.js';
import type { PublicChannel } from '../contract.js';
import type { PublicUrls } from '../livestreams/stream-view.js';

export type PublicChannelsOptions = {
  accounts: Pick<Authentication['accounts'], 'findByName' | 'search'>;
  follows: Pick<Authentication['follows'], 'countFollowers'>;
  channels: Pick<Channels, 'find'>;
  urls: Pick<PublicUrls, 'below'>;
};

/** Finds the channels that everybody may see: those of accounts that may broadcast. */
export class PublicChannels {
  readonly #options: PublicChannelsOptions;

  constructor(options: PublicChannelsOptions) {
    this.#options = options;
  }

  /** Finds channels by words of their name. @param query see `searchQuery` */
  async search(query: string, limit: number): Promise<{ userId: string; name: string; page: string }[]> {
    const { accounts, urls } = this.#options;
    const found = await accounts.search(query, limit);
    return found.map(({ id, name }) => ({ userId: id, name, page: urls.below(channelPath(name)) }));
  }

  /** @param name compared as at sign-in */
  async find(name: string): Promise<PublicChannel | undefined> {
    const { accounts, follows, channels, urls } = this.#options;
    const account = await accounts.findByName(name);
    if (!account || account.disabledAt !== null || account.role === 'viewer') return undefined;
    const { id: userId } = account;
    const [channel, followers] = await Promise.all([channels.find(userId), follows.countFollowers(userId)]);
    const page = urls.below(channelPath(account.name));
    return { userId, name: account.name, description: channel?.description ?? '', followers, page };
  }
}

/** Returns the path of a channel's page, relative to the public URL. */
export function channelPath(name: string): string {
  return `@${encodeURIComponent(name)}`;
}
