import { type FetchResult, fetchResource } from '../api/api-client.js';
import type { PageState } from '../pages/playback-state.js';
import type { PlayerSource } from './player-source.js';

/** Media as the API describes them; addresses are at the server of the source. */
export type LoadedMedia = {
  title: string;
  state: PageState['stream'];
  /** Running broadcast; undefined: none. */
  live?: { key: string; hls: string; whep?: string } | undefined;
  /** Recorded media; undefined: none yet. */
  recorded?: { key: string; hls: string } | undefined;
  poster?: string | undefined;
};

/** State of media that are not live. */
const RECORDED: PageState['stream'] = { found: 'yes', status: 'ended', state: 'offline' };

/** Asks the API for the media of a source. */
export async function loadMedia(
  { kind, id, origin }: PlayerSource,
  signal: AbortSignal,
): Promise<FetchResult<LoadedMedia>> {
  const at = (address: string): string => onOrigin(address, origin);
  switch (kind) {
    case 'livestream': {
      const result = await fetchResource('GET /api/livestream/:streamId', {
        ...{ params: { streamId: id }, origin, signal },
      });
      if (result.kind !== 'ok') return result;
      const { title, state, status, startedAt, playback, recordingUrl, thumbnailUrl } = result.value.stream;
      const { hls, whep } = playback;
      const isRecorded = status === 'ended' && state.name === 'offline' && isRecording(recordingUrl);
      return ok({
        title,
        state: { found: 'yes', status, state: state.name },
        live: { key: `live ${startedAt}`, hls: at(hls), ...(whep ? { whep: at(whep) } : {}) },
        recorded: isRecorded ? { key: recordingUrl, hls: at(recordingUrl) } : undefined,
        poster: thumbnailUrl === null ? undefined : at(thumbnailUrl),
      });
    }
    case 'recording': {
      const request = { params: { recordingId: id }, origin, signal };
      const result = await fetchResource('GET /api/recordings/:recordingId', request);
      if (result.kind !== 'ok') return result;
      return ok(recordedMedia(result.value.recording, result.value.recording.playback?.poster, at));
    }
    case 'clip': {
      const result = await fetchResource('GET /api/clips/:clipId', {
        params: { clipId: id },
        origin,
        signal,
      });
      if (result.kind !== 'ok') return result;
      return ok(recordedMedia(result.value.clip, result.value.clip.playback?.poster, at));
    }
    case 'video': {
      const result = await fetchResource('GET /api/videos/:videoId', {
        params: { videoId: id },
        origin,
        signal,
      });
      if (result.kind !== 'ok') return result;
      return ok(recordedMedia(result.value.video, undefined, at));
    }
  }
}

function recordedMedia(
  { id, title, playback }: { id: string; title: string; playback: { hls: string } | null },
  poster: string | undefined,
  at: (address: string) => string,
): LoadedMedia {
  return {
    ...{ title, state: RECORDED, poster: poster && at(poster) },
    recorded: playback ? { key: id, hls: at(playback.hls) } : undefined,
  };
}

function ok(value: LoadedMedia): FetchResult<LoadedMedia> {
  return { kind: 'ok', value };
}

function isRecording(address: string | null): address is string {
  return address !== null && /\/recordings\/[0-9a-f-]{36}\/index\.m3u8$/.test(address);
}

/** Moves an address to the server of the source: the server may announce another host name. */
function onOrigin(address: string, origin: string): string {
  const { pathname, search } = new URL(address, origin);
  return origin + pathname + search;
}
