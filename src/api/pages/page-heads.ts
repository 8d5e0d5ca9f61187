import { mayEverybodyWatch } from '../../accounts/index.js';
import { type BoundedCalls, isUuid } from '../../platform/index.js';
import type { Recordings } from '../../recordings/index.js';
import type { Livestream, Livestreams } from '../../streams/index.js';
import type { Videos } from '../../videos/index.js';
import { channelPath, type PublicChannels } from '../channels/public-channels.js';
import type { LivestreamLookup } from '../livestreams/livestream-lookup.js';
import type { PublicUrls } from '../livestreams/stream-view.js';
import type { DescribePage, PageHead } from './page-head.js';

export type PageHeadsOptions = {
  channels: Pick<PublicChannels, 'find'>;
  livestreams: Pick<Livestreams, 'find'>;
  recordings: Pick<Recordings, 'find'> & { clips: Pick<Recordings['clips'], 'find'> };
  videos: Pick<Videos, 'find'>;
  lookup: Pick<LivestreamLookup, 'show'>;
  urls: Pick<PublicUrls, 'below'>;
  /** Bounds the time of database queries for viewers. */
  calls: BoundedCalls;
};

type DescribeId = (id: string) => Promise<PageHead | undefined>;

/**
 * Describes the pages that everybody may see. Pages of private livestreams, recordings, clips and videos are sent like those
 * that do not exist: without a description. So are all of them while the database does not answer.
 */
export function pageHeads(options: PageHeadsOptions): DescribePage {
  const { channels, livestreams, recordings, videos, lookup, urls, calls } = options;
  const byRoute: Record<string, DescribeId> = {
    '/watch/:streamId': ofLivestream,
    '/embed/:streamId': ofLivestream,
    '/recordings/:recordingId': ofRecording,
    '/embed/recordings/:recordingId': ofRecording,
    '/clips/:clipId': ofClip,
    '/embed/clips/:clipId': ofClip,
    '/videos/:videoId': ofVideo,
    '/embed/videos/:videoId': ofVideo,
  };

  return async ({ path, params }) => {
    const [id = ''] = Object.values(params);
    try {
      if (path === '/@:name') return await calls.run(() => ofChannel(id));
      const describe = byRoute[path];
      return describe && isUuid(id) ? await calls.run(() => describe(id.toLowerCase())) : undefined;
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

  async function ofLivestream(id: string): Promise<PageHead | undefined> {
    const found = await watchable(id);
    if (!found) return undefined;
    const { title, description, userName, thumbnailUrl } = await lookup.show(found);
    return media(`watch/${id}`, `embed/${id}`, {
      ...{ title, description, author: userName },
      image: thumbnailUrl ?? undefined,
    });
  }

  async function ofRecording(id: string): Promise<PageHead | undefined> {
    const recording = await recordings.find(id);
    if (!recording || recording.streamId === null || recording.state !== 'ready') return undefined;
    const { streamId, visibility, title } = recording;
    if (!mayEverybodyWatch({ visibility })) return undefined;
    // The recording may be more public than its livestream, of which nothing is told then.
    const stream = await watchable(streamId);
    const author = stream ? (await lookup.show(stream)).userName : null;
    const image = urls.below(`recordings/${id}/poster.jpg`);
    return media(`recordings/${id}`, `embed/recordings/${id}`, {
      title,
      description: 'Recording',
      author,
      image,
    });
  }

  async function ofClip(id: string): Promise<PageHead | undefined> {
    const clip = await recordings.clips.find(id);
    if (!clip || clip.streamId === null || clip.state !== 'ready') return undefined;
    const { streamId, access, title } = clip;
    const stream = await watchable(streamId);
    if (!stream || !mayEverybodyWatch({ visibility: access })) return undefined;
    const { userName: author, title: broadcast } = await lookup.show(stream);
    const image = urls.below(`recordings/${id}/poster.jpg`);
    const description = `Clip of “${broadcast}”`;
    return media(`clips/${id}`, `embed/clips/${id}`, { title, description, author, image });
  }

  async function ofVideo(id: string): Promise<PageHead | undefined> {
    const video = await videos.find(id);
    if (video?.state !== 'ready' || video.visibility === 'private') return undefined;
    const described = { title: video.title, description: 'Video', author: null, image: undefined };
    return media(`videos/${id}`, `embed/videos/${id}`, described);
  }

  async function watchable(streamId: string): Promise<Livestream | undefined> {
    const livestream = await livestreams.find(streamId);
    return livestream && mayEverybodyWatch(livestream) ? livestream : undefined;
  }

  function media(page: string, player: string, { title, description, author, image }: Described): PageHead {
    const url = urls.below(page);
    return {
      ...{ title, description: description || title, url, type: 'video.other', image },
      player: { url: urls.below(player), oembed: urls.below(`api/oembed?${new URLSearchParams({ url })}`) },
      author: author === null ? undefined : { name: author, url: urls.below(channelPath(author)) },
    };
  }
}

type Described = { title: string; description: string; author: string | null; image: string | undefined };
