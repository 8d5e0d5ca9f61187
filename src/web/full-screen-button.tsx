import type { RefObject } from 'preact';
import { useEffect, useState } from 'preact/hooks';

/** Whether any part of a page may fill the screen; on an iPhone only a video itself may. */
export function canFillScreen(): boolean {
  return document.fullscreenEnabled === true;
}

/** Fills the screen with an element and all that lies on it, and takes it back. */
export function FullScreenButton({ target }: { target: RefObject<HTMLElement | null> }) {
  const [fills, setFills] = useState(false);

  useEffect(() => {
    const look = (): void =>
      setFills(target.current !== null && document.fullscreenElement === target.current);
    document.addEventListener('fullscreenchange', look);
    return () => document.removeEventListener('fullscreenchange', look);
  }, [target]);

  const toggle = async (): Promise<void> => {
    try {
      await (fills ? document.exitFullscreen() : target.current?.requestFullscreen());
    } catch {
      // The browser does not want to: everything stays as it is.
    }
  };
  return (
    <button type="button" class="full-screen" onClick={() => void toggle()}>
      {fills ? 'Leave full screen' : 'Full screen'}
    </button>
  );
}
