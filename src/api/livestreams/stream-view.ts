import type { Livestream, StreamState, StreamStatus } from '../../streams/index.js';
import type { Thumbnail } from '../../thumbnails/index.js';
import type { Playback, Stream, Viewers } from '../contract.js';

/** Where people and encoders reach the gateway. The functions are asked late: ports may be known only after the start. */
export type PublicUrls = {
  /** `rtmp://host[:port]/live` */
  rtmpServer: () => string;
  rtmpsServer: () => string | undefined;
  /** Where WHIP publishers POST their offers; missing where it is off. */
  whip?: () => string;
  /** The multivariant playlist of a stream. */
  hls: (streamId: string) => string;
  /** The WHEP endpoint of a stream; missing, or without a result, where there is no WebRTC. */
  whep?: (streamId: string) => string | undefined;
  watch: (streamId: string) => string;
  /** Where the API has a livestream, with a slash at the end: what is kept below it is told as an address of its own. */
  livestream: (streamId: string) => string;
};

/** A livestream as the API shows it. @param captured the picture of its broadcast, for where it was given none */
export function toStream(
  livestream: Livestream,
  status: StreamStatus,
  viewers: Viewers,
  captured: Thumbnail | undefined,
  urls: PublicUrls,
): Stream {
  const { id, userId, title, description, visibility, viewerLimit, viewerCountPeak } = livestream;
  const { recordingEnabled, recordingUrl } = livestream;
  return {
    id,
    userId,
    title,
    description,
    status: livestream.status,
    visibility,
    viewerLimit,
    scheduledAt: livestream.scheduledAt?.toISOString() ?? null,
    state: toState(status.state),
    startedAt: livestream.startedAt?.toISOString() ?? null,
    endedAt: livestream.endedAt?.toISOString() ?? null,
    viewers,
    viewerCountPeak,
    recordingEnabled,
    recordingUrl,
    thumbnailUrl: toThumbnailUrl(id, livestream.thumbnailUrl ?? (captured && thumbnailPath(captured)), urls),
    createdAt: livestream.createdAt.toISOString(),
    playback: toPlayback(id, urls),
    source: status.source ?? null,
    notices: status.notices,
  };
}

/** Where a picture that is here can be had, relative to its livestream: another one has another address. */
export function thumbnailPath({ version }: Thumbnail): string {
  return `thumbnail?v=${version}`;
}

/** @param address one elsewhere, or one relative to the livestream's own */
export function toThumbnailUrl(
  streamId: string,
  address: string | null | undefined,
  urls: PublicUrls,
): string | null {
  if (address === undefined || address === null) return null;
  return /^https?:/.test(address) ? address : new URL(address, urls.livestream(streamId)).href;
}

/** Where a livestream can be watched. */
export function toPlayback(streamId: string, urls: PublicUrls): Playback {
  const whep = urls.whep?.(streamId);
  return {
    hls: urls.hls(streamId),
    ...(whep === undefined ? {} : { whep }),
    watch: urls.watch(streamId),
  };
}

/** A state as the API shows it. */
export function toState(state: StreamState): Stream['state'] {
  if (state.name === 'reconnecting') return { name: state.name, until: new Date(state.until).toISOString() };
  return { name: state.name };
}
