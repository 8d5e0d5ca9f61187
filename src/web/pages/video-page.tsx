import { useEffect, useRef, useState } from 'preact/hooks';
import type { Video } from '../../api/contract.js';
import { callApi } from '../api/api-client.js';
import { durationText, timeText } from '../forms/format.js';
import { createPlayer } from '../player/create-player.js';
import { PlayerFrame } from '../player/player-frame.js';

/** Interval at which an unfinished video is read again, ms. */
const REFRESH_MS = 3_000;

/** Page that plays an uploaded video. */
export function VideoPage({ videoId }: { videoId: string }) {
  const [video, setVideo] = useState<Video>();
  const [message, setMessage] = useState('Loading…');
  const picture = useRef<HTMLVideoElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const isReady = video?.state === 'ready';
  const path = video?.playback ? new URL(video.playback.hls).pathname : undefined;

  useEffect(() => {
    const load = async (): Promise<void> => {
      const result = await callApi('GET /api/videos/:videoId', { params: { videoId } });
      if (result.kind === 'failed') {
        setMessage(result.status === 404 ? 'There is no such video, or it is private.' : result.message);
        return;
      }
      setVideo(result.value.video);
      setMessage(statusText(result.value.video));
      document.title = `${result.value.video.title} · Headend`;
    };
    void load();
    if (isReady) return undefined;
    const timer = setInterval(() => document.visibilityState === 'visible' && void load(), REFRESH_MS);
    return () => clearInterval(timer);
  }, [videoId, isReady]);

  useEffect(() => {
    if (path === undefined || !picture.current || !still.current) return undefined;
    const player = createPlayer({
      ...{ video: picture.current, still: still.current, url: path, isRecording: true, choice: 'hls' },
      onChange: () => {},
      expectsMedia: () => true,
    });
    if (!player) setMessage('This browser cannot play the video.');
    player?.start();
    return () => player?.close();
  }, [path]);

  return (
    <main>
      <PlayerFrame
        {...{ video: picture, still }}
        label={video?.title ?? 'Video'}
        hasControls={isReady}
        notice={message || undefined}
      />
      {video && (
        <>
          <h1>{video.title}</h1>
          <p class="faint">
            {timeText(video.createdAt)}
            {video.durationS !== null && ` · ${durationText(video.durationS)}`}
          </p>
        </>
      )}
    </main>
  );
}

function statusText({ state, failure }: Video): string {
  switch (state) {
    case 'ready':
      return '';
    case 'failed':
      return failure?.message ?? 'This video cannot be played.';
    case 'uploading':
      return 'This video is being uploaded.';
    default:
      return 'This video is being prepared.';
  }
}
