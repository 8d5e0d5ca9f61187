import type { RefObject } from 'preact';
import { useEffect, useState } from 'preact/hooks';

const EVENTS = [
  ...['play', 'pause', 'volumechange', 'timeupdate', 'seeking', 'durationchange'],
  ...['enterpictureinpicture', 'leavepictureinpicture'],
];

/** Renders again when the state of a video element changes. */
export function useVideo(video: RefObject<HTMLVideoElement | null>): void {
  const [, setRevision] = useState(0);
  useEffect(() => {
    const listeners = new AbortController();
    const changed = (): void => setRevision((count) => count + 1);
    for (const name of EVENTS) video.current?.addEventListener(name, changed, { signal: listeners.signal });
    document.addEventListener('fullscreenchange', changed, { signal: listeners.signal });
    return () => listeners.abort();
  }, [video]);
}
