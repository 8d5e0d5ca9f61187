import {
  descriptionPath,
  downloadPath,
  pagePath,
  recordingPath,
  type Recording as StoredRecording,
} from '../../recordings/index.js';
import type { Recording } from '../contract.js';
import type { PublicUrls } from '../livestreams/stream-view.js';

/** Converts recordings for responses, without those whose livestream was deleted. */
export function toRecordings(found: readonly StoredRecording[], urls: PublicUrls): Recording[] {
  return found.flatMap(({ streamId, ...recording }) =>
    streamId === null ? [] : toRecording({ ...recording, streamId }, urls),
  );
}

/** Converts a recording for responses. */
export function toRecording(recording: StoredRecording & { streamId: string }, urls: PublicUrls): Recording {
  const { id, streamId, title, visibility, state, renditions, startedAt, endedAt, endReason } = recording;
  const { durationS, sizeBytes, droppedSegments } = recording;
  return {
    id,
    streamId,
    title,
    visibility,
    state: state === 'deleting' ? 'failed' : state,
    renditions,
    startedAt: startedAt.toISOString(),
    endedAt: endedAt?.toISOString() ?? null,
    endReason,
    durationS,
    sizeBytes,
    droppedSegments,
    playback:
      state === 'ready'
        ? {
            hls: urls.below(recordingPath(id)),
            dash: urls.below(descriptionPath(id)),
            mp4: urls.below(downloadPath(id)),
            sprites: urls.below(`recordings/${id}/sprites.vtt`),
            poster: urls.below(`recordings/${id}/poster.jpg`),
            watch: urls.below(pagePath(id)),
          }
        : null,
  };
}
