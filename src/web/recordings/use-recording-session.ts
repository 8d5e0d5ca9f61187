import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import {
  type PlayedMedia,
  RecordingSession,
  type RecordingSessionOptions,
  type RecordingSnapshot,
} from '../pages/recording-session.js';
import type { PlaybackControl } from '../player/controls/playback-control.js';

type PageRecording<Media extends PlayedMedia> = {
  video: RefObject<HTMLVideoElement | null>;
  still: RefObject<HTMLCanvasElement | null>;
  snapshot: RecordingSnapshot<Media> | undefined;
  /** Undefined while there is no player. */
  playback: PlaybackControl | undefined;
};

/** Plays the recording or video of a page, and names the document by its title. @param id another one is loaded anew */
export function useRecordingSession<Media extends PlayedMedia & { title: string }>(
  id: string,
  { fetch, noticeOf }: Pick<RecordingSessionOptions<Media>, 'fetch' | 'noticeOf'>,
): PageRecording<Media> {
  const video = useRef<HTMLVideoElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const session = useRef<RecordingSession<Media>>(undefined);
  const [snapshot, setSnapshot] = useState<RecordingSnapshot<Media>>();

  useEffect(() => {
    if (!video.current || !still.current) return;
    const opened: RecordingSession<Media> = new RecordingSession({
      ...{ video: video.current, still: still.current, fetch, noticeOf },
      onChange: () => setSnapshot(opened.snapshot()),
    });
    session.current = opened;
    opened.start();
    return () => opened.close();
  }, [id]);

  const title = snapshot?.recording?.title;
  useEffect(() => {
    document.title = title ? `${title} · Headend` : 'Headend';
  }, [title]);

  const player = snapshot?.player;
  const hasPlayer = player !== undefined && player.phase !== 'none';
  return { video, still, snapshot, playback: hasPlayer ? session.current?.control(player) : undefined };
}
