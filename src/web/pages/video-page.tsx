import { useEffect, useRef, useState } from 'preact/hooks';
import type { Video } from '../../api/contract.js';
import { callApi } from '../api/api-client.js';
import { durationText, timeText } from '../forms/format.js';
import { PlayerFrame } from '../player/player-frame.js';
import { RecordingSession, type RecordingSnapshot } from './recording-session.js';

/** Page that plays an uploaded video. */
export function VideoPage({ videoId }: { videoId: string }) {
  const picture = useRef<HTMLVideoElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const session = useRef<RecordingSession<Video>>(undefined);
  const [snapshot, setSnapshot] = useState<RecordingSnapshot<Video>>();

  useEffect(() => {
    if (!picture.current || !still.current) return;
    const opened: RecordingSession<Video> = new RecordingSession({
      ...{ video: picture.current, still: still.current, noticeOf },
      async fetch(signal) {
        const result = await callApi('GET /api/videos/:videoId', { params: { videoId }, signal });
        return result.kind === 'ok' ? { ...result, value: result.value.video } : result;
      },
      onChange: () => setSnapshot(opened.snapshot()),
    });
    session.current = opened;
    opened.start();
    return () => opened.close();
  }, [videoId]);

  const video = snapshot?.recording;
  const title = video?.title;
  useEffect(() => {
    document.title = title ? `${title} · Headend` : 'Headend';
  }, [title]);

  const player = snapshot?.player;
  const hasPlayer = player !== undefined && player.phase !== 'none';
  return (
    <main class="watch">
      <div class="watch-main">
        <PlayerFrame
          {...{ video: picture, still }}
          label={title ?? 'Video'}
          playback={hasPlayer ? session.current?.control(player) : undefined}
          notice={snapshot?.notice}
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
                  Download
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
      return 'There is no such video, or it is private.';
    case 'failed':
      return video?.failure?.message ?? 'This video cannot be played.';
    case 'uploading':
      return 'This video is being uploaded.';
    default:
      return 'This video is being prepared.';
  }
}
