import type { RefObject } from 'preact';
import { useEffect, useState } from 'preact/hooks';

/** True where any element may go full screen; on iPhones only a video element may. */
export function canFillScreen(): boolean {
  return document.fullscreenEnabled === true;
}

/** Toggles full screen of an element with everything on top of it. */
export function FullScreenButton({ target }: { target: RefObject<HTMLElement | null> }) {
  const [isFullScreen, setFullScreen] = useState(false);

  useEffect(() => {
    const element = target.current;
    const listeners = new AbortController();
    const { signal } = listeners;
    document.addEventListener('fullscreenchange', () => setFullScreen(fillsScreen(element)), { signal });
    // Without `controlsList` the browser's own full-screen control stays and handles the double click.
    if ('controlsList' in HTMLVideoElement.prototype)
      element?.addEventListener(
        'dblclick',
        ({ target: hit }) => hit instanceof HTMLVideoElement && void toggle(element),
        { signal },
      );
    return () => listeners.abort();
  }, [target]);

  return (
    <button type="button" class="full-screen" onClick={() => void toggle(target.current)}>
      {isFullScreen ? 'Leave full screen' : 'Full screen'}
    </button>
  );
}

function fillsScreen(element: HTMLElement | null): boolean {
  // In a shadow root the document names the host.
  const root = element?.getRootNode();
  if (!(root instanceof Document || root instanceof ShadowRoot)) return false;
  return root.fullscreenElement === element;
}

async function toggle(element: HTMLElement | null): Promise<void> {
  try {
    await (fillsScreen(element) ? document.exitFullscreen() : element?.requestFullscreen());
  } catch {
    // The browser refused: the mode stays as it is.
  }
}
