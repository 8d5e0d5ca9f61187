import { type Video as StoredVideo, VIDEO_FAILURES, videoPath } from '../../videos/index.js';
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
      state === 'ready'
        ? {
            hls: urls.below(videoPath(id)),
            dash: urls.below(`videos/${id}/index.mpd`),
            mp4: urls.below(`videos/${id}/download.mp4`),
            sprites: urls.below(`videos/${id}/sprites.vtt`),
            poster: urls.below(`videos/${id}/poster.jpg`),
            watch: urls.below(`videos/${id}`),
          }
        : null,
  };
}
