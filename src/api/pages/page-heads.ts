import type { BoundedCalls } from '../../platform/index.js';
import type { PublicChannels } from '../channels/public-channels.js';
import type { DescribePage, PageHead } from './page-head.js';

export type PageHeadsOptions = {
  channels: Pick<PublicChannels, 'find'>;
  /** Bounds the time of database queries for viewers. */
  calls: BoundedCalls;
};

/** Describes the pages of channels. A page is sent without a description while the database does not answer. */
export function pageHeads({ channels, calls }: PageHeadsOptions): DescribePage {
  return async ({ path, params }) => {
    if (path !== '/@:name') return undefined;
    try {
      return await calls.run(() => ofChannel(params.name ?? ''));
    } catch {
      return undefined;
    }
  };

  async function ofChannel(name: string): Promise<PageHead | 'missing'> {
    const channel = await channels.find(name);
    if (!channel) return 'missing';
    const { description, page: url } = channel;
    return {
      ...{ title: channel.name, url, type: 'profile' },
      description: description || `Live broadcasts, recordings and clips of ${channel.name}.`,
    };
  }
}
