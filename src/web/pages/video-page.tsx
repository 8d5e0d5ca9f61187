import type { Video } from '../../api/contract.js';
import { callApi } from '../api/api-client.js';
import { durationText, timeText } from '../forms/format.js';
import { PlayerFrame } from '../player/player-frame.js';
import { useRecordingSession } from '../recordings/use-recording-session.js';
import { formsTexts } from '../texts/forms.js';
import { mediaTexts } from '../texts/media.js';
import '../forms/forms.css';

/** Page that plays an uploaded video. */
export function VideoPage({ videoId }: { videoId: string }) {
  const page = useRecordingSession<Video>(videoId, {
    async fetch(signal) {
      const result = await callApi('GET /api/videos/:videoId', { params: { videoId }, signal });
      return result.kind === 'ok' ? { ...result, value: result.value.video } : result;
    },
    noticeOf,
  });
  const video = page.snapshot?.recording;
  return (
    <main class="watch">
      <div class="watch-main">
        <PlayerFrame
          {...{ video: page.video, still: page.still }}
          label={video?.title ?? mediaTexts.video}
          playback={page.playback}
          notice={page.snapshot?.notice}
        />
        {video && (
          <>
            <h1>{video.title}</h1>
            <div class="actions">
              <span class="faint">
                {timeText(video.createdAt)}
                {video.durationS !== null && ` · ${durationText(video.durationS)}`}
              </span>
              {video.playback && (
                <a class="button" href={new URL(video.playback.mp4).pathname} download>
                  {formsTexts.download}
                </a>
              )}
            </div>
          </>
        )}
      </div>
    </main>
  );
}

function noticeOf(video: Video | undefined): string {
  switch (video?.state) {
    case undefined:
      return mediaTexts.videoMissing;
    case 'failed':
      return video?.failure?.message ?? mediaTexts.videoFailed;
    case 'uploading':
      return mediaTexts.videoUploading;
    default:
      return mediaTexts.videoPreparing;
  }
}
