import { isOver, type Livestream, type StreamState, type StreamStatus } from '../../streams/index.js';
import type { Thumbnail } from '../../thumbnails/index.js';
import type { Playback, Stream, Viewers } from '../contract.js';

/** Public addresses of the gateway. Functions, as ports may be known only after the start. */
export type PublicUrls = {
  /** URL of a path relative to the public URL. */
  below: (path: string) => string;
  /** `rtmp://host[:port]/live` */
  rtmpServer: () => string;
  rtmpsServer: () => string | undefined;
  /** WHIP endpoint; missing when WebRTC is off. */
  whip?: () => string;
  /** Multivariant playlist of a livestream. */
  hls: (streamId: string) => string;
  /** DASH presentation description of a livestream. */
  dash: (streamId: string) => string;
  /** WHEP endpoint of a livestream; undefined when WebRTC is off. */
  whep?: (streamId: string) => string | undefined;
  /** Playlists of the window in which viewers can rewind; missing when that is off. */
  rewind?: (streamId: string) => { hls: string; sprites: string; windowS: number };
  watch: (streamId: string) => string;
  /** API URL of a livestream, with a trailing slash; base of relative thumbnail URLs. */
  livestream: (streamId: string) => string;
};

/** Facts about a livestream that are not in its row. */
export type StreamFacts = {
  /** Name of the owner. */
  userName: string | null;
  status: StreamStatus;
  viewers: Viewers;
  /** Thumbnail of its broadcast, used when it has none of its own. */
  captured: Thumbnail | undefined;
};

/** Converts a livestream for responses. */
export function toStream(
  livestream: Livestream,
  { userName, status, viewers, captured }: StreamFacts,
  urls: PublicUrls,
): Stream {
  const { id, userId, title, description, viewerLimit, viewerCountPeak } = livestream;
  const { visibility, visibilityAfterTest } = livestream;
  const { recordingEnabled, recordingUrl, clipsBy, tags } = livestream;
  return {
    id,
    userId,
    userName,
    title,
    description,
    tags,
    status: livestream.status,
    visibility: visibilityAfterTest ?? visibility,
    testing: visibilityAfterTest !== null,
    viewerLimit,
    scheduledAt: livestream.scheduledAt?.toISOString() ?? null,
    state: toState(status.state),
    startedAt: livestream.startedAt?.toISOString() ?? null,
    endedAt: livestream.endedAt?.toISOString() ?? null,
    endedForGood: isOver(livestream),
    viewers,
    viewerCountPeak,
    recordingEnabled,
    ladder: livestream.ladder && [...livestream.ladder],
    clipsBy,
    recordingUrl: recordingUrl === null || isAbsolute(recordingUrl) ? recordingUrl : urls.below(recordingUrl),
    thumbnailUrl: toThumbnailUrl(id, livestream.thumbnailUrl ?? (captured && thumbnailPath(captured)), urls),
    createdAt: livestream.createdAt.toISOString(),
    playback: toPlayback(id, urls),
    source: status.source ?? null,
    notices: status.notices,
  };
}

/** Path of a stored thumbnail relative to its livestream; changes with the version. */
export function thumbnailPath({ version }: Thumbnail): string {
  return `thumbnail?v=${version}`;
}

/** @param address absolute, or relative to the livestream's URL */
export function toThumbnailUrl(
  streamId: string,
  address: string | null | undefined,
  urls: PublicUrls,
): string | null {
  if (address === undefined || address === null) return null;
  return isAbsolute(address) ? address : new URL(address, urls.livestream(streamId)).href;
}

function isAbsolute(address: string): boolean {
  return /^https?:/.test(address);
}

/** Playback URLs of a livestream. */
export function toPlayback(streamId: string, urls: PublicUrls): Playback {
  const whep = urls.whep?.(streamId);
  return {
    hls: urls.hls(streamId),
    dash: urls.dash(streamId),
    ...(whep === undefined ? {} : { whep }),
    ...(urls.rewind ? { rewind: urls.rewind(streamId) } : {}),
    watch: urls.watch(streamId),
  };
}

/** Converts a state for responses. */
export function toState(state: StreamState): Stream['state'] {
  if (state.name === 'reconnecting') return { name: state.name, until: new Date(state.until).toISOString() };
  return { name: state.name };
}
