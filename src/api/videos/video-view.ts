import { VIDEO_FAILURES, type Video as StoredVideo, videoPath } from '../../videos/index.js';
import type { Video } from '../contract.js';
import type { PublicUrls } from '../livestreams/stream-view.js';

/** Converts a video for responses. */
export function toVideo(video: StoredVideo, urls: Pick<PublicUrls, 'below'>): Video {
  const { id, userId, title, visibility, state, failure, progress, durationS } = video;
  return {
    ...{ id, userId, title, visibility, progress, durationS },
    state: state === 'deleting' ? 'failed' : state,
    failure: failure && { code: failure, message: VIDEO_FAILURES[failure] },
    uploadBytes: video.uploadBytes,
    sizeBytes: video.sizeBytes,
    createdAt: video.createdAt.toISOString(),
    playback:
      state === 'ready' ? { hls: urls.below(videoPath(id)), watch: urls.below(`videos/${id}`) } : null,
  };
}
