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
    const element = target.current;
    const listening = new AbortController();
    const { signal } = listening;
    document.addEventListener('fullscreenchange', () => setFills(isFull(element)), { signal });
    // Browsers that cannot be told to leave it fill the screen with the video themselves.
    if ('controlsList' in HTMLVideoElement.prototype)
      element?.addEventListener(
        'dblclick',
        ({ target: hit }) => hit instanceof HTMLVideoElement && void toggle(element),
        { signal },
      );
    return () => listening.abort();
  }, [target]);

  return (
    <button type="button" class="full-screen" onClick={() => void toggle(target.current)}>
      {fills ? 'Leave full screen' : 'Full screen'}
    </button>
  );
}

function isFull(element: HTMLElement | null): boolean {
  return element !== null && document.fullscreenElement === element;
}

async function toggle(element: HTMLElement | null): Promise<void> {
  try {
    await (isFull(element) ? document.exitFullscreen() : element?.requestFullscreen());
  } catch {
    // The browser does not want to: everything stays as it is.
  }
}
