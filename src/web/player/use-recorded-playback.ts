import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { type PlaybackControl, recordedRange } from './controls/playback-control.js';
import { createPlayer } from './create-player.js';
import type { LivePlayer } from './live-player.js';

type RecordedPlayback = {
  /** Undefined until there is something to play. */
  playback: PlaybackControl | undefined;
  /** This browser has no way to play it. */
  isUnplayable: boolean;
};

/** Plays a recording in a video element. @param url address of the multivariant playlist; undefined: not known yet */
export function useRecordedPlayback(
  video: RefObject<HTMLVideoElement | null>,
  still: RefObject<HTMLCanvasElement | null>,
  url: string | undefined,
): RecordedPlayback {
  const player = useRef<LivePlayer>(undefined);
  const [isUnplayable, setUnplayable] = useState(false);
  const [, setRevision] = useState(0);

  useEffect(() => {
    if (url === undefined || !video.current || !still.current) return undefined;
    const created = createPlayer({
      ...{ video: video.current, still: still.current, url, isRecording: true, choice: 'hls' },
      expectsMedia: () => true,
      onChange: () => setRevision((count) => count + 1),
    });
    player.current = created;
    setUnplayable(created === undefined);
    created?.start();
    return () => {
      player.current = undefined;
      created?.close();
    };
  }, [url]);

  const current = player.current;
  const element = video.current;
  if (!current || !element) return { playback: undefined, isUnplayable };
  return {
    isUnplayable,
    playback: {
      view: current.view(),
      stats: () => current.stats(),
      play: () => current.play(),
      chooseQuality: (id) => current.chooseQuality(id),
      range: () => recordedRange(element),
      seekTo: (behindS) => {
        element.currentTime = element.duration - behindS;
      },
    },
  };
}
