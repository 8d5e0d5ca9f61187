import type { Livestream, StreamState, StreamStatus } from '../streams/index.js';
import type { Stream } from './contract.js';

/** Where people and encoders reach the gateway. The functions are asked late: ports may be known only after the start. */
export type PublicUrls = {
  /** `rtmp://host[:port]/live` */
  rtmpServer: () => string;
  rtmpsServer: () => string | undefined;
  /** The multivariant playlist of a stream. */
  hls: (streamId: string) => string;
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
    playback: { hls: urls.hls(id), watch: urls.watch(id) },
    source: status.source ?? null,
    notices: status.notices,
  };
}

function toState(state: StreamState): Stream['state'] {
  if (state.name === 'reconnecting') return { name: state.name, until: new Date(state.until).toISOString() };
  return { name: state.name };
}
