import { downloadPath, recordingPath, type Clip as StoredClip } from '../../recordings/index.js';
import type { Clip } from '../contract.js';
import type { PublicUrls } from '../livestreams/stream-view.js';

/** Converts clips for responses, without those whose livestream was deleted. */
export function toClips(clips: readonly StoredClip[], urls: Pick<PublicUrls, 'below'>): Clip[] {
  return clips.flatMap(({ streamId, ...clip }) =>
    streamId === null ? [] : toClip({ ...clip, streamId }, urls),
  );
}

/** Converts a clip for responses. Its media are at the addresses of recordings. */
export function toClip(clip: StoredClip & { streamId: string }, urls: Pick<PublicUrls, 'below'>): Clip {
  const { id, streamId, sourceId, title, visibility, state, failure, exact, createdBy } = clip;
  const { createdAt, startsAt, endsAt, durationS, sizeBytes } = clip;
  return {
    ...{
      id,
      streamId,
      recordingId: sourceId,
      title,
      visibility,
      exact,
      createdBy,
      durationS,
      sizeBytes,
      failure,
    },
    state: state === 'deleting' ? 'failed' : state,
    createdAt: createdAt.toISOString(),
    startsAt: startsAt.toISOString(),
    endsAt: endsAt.toISOString(),
    page: urls.below(`clips/${id}`),
    playback:
      state === 'ready'
        ? {
            hls: urls.below(recordingPath(id)),
            mp4: urls.below(downloadPath(id)),
            poster: urls.below(`recordings/${id}/poster.jpg`),
          }
        : null,
  };
}
