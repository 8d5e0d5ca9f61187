import type { Livestream, StreamState, StreamStatus } from '../streams/index.js';
import type { Playback, Stream } from './contract.js';

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
};

/** A livestream as the API shows it. */
export function toStream(livestream: Livestream, status: StreamStatus, urls: PublicUrls): Stream {
  const { id, userId, title, description, viewerCountPeak, recordingEnabled, recordingUrl, thumbnailUrl } =
    livestream;
  return {
    id,
    userId,
    title,
    description,
    status: livestream.status,
    state: toState(status.state),
    startedAt: livestream.startedAt?.toISOString() ?? null,
    endedAt: livestream.endedAt?.toISOString() ?? null,
    viewerCountPeak,
    recordingEnabled,
    recordingUrl,
    thumbnailUrl,
    createdAt: livestream.createdAt.toISOString(),
    playback: toPlayback(id, urls),
    source: status.source ?? null,
    notices: status.notices,
  };
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

function toState(state: StreamState): Stream['state'] {
  if (state.name === 'reconnecting') return { name: state.name, until: new Date(state.until).toISOString() };
  return { name: state.name };
}
