/** On iPhones only a video element may fill the screen. */
type PhoneVideo = HTMLVideoElement & { webkitEnterFullscreen?: () => void };

/** True where any element may go full screen. */
function canFillScreen(): boolean {
  return document.fullscreenEnabled === true;
}

export function offersFullScreen(video: HTMLVideoElement | null): boolean {
  return canFillScreen() || (video as PhoneVideo | null)?.webkitEnterFullscreen !== undefined;
}

export function fillsScreen(element: HTMLElement | null): boolean {
  // In a shadow root the document names the host.
  const root = element?.getRootNode();
  if (!(root instanceof Document || root instanceof ShadowRoot)) return false;
  return root.fullscreenElement === element;
}

/** Toggles full screen of an element with everything on top of the video; of the video alone where nothing else may. */
export async function toggleFullScreen(
  element: HTMLElement | null,
  video: HTMLVideoElement | null,
): Promise<void> {
  try {
    if (!canFillScreen()) (video as PhoneVideo | null)?.webkitEnterFullscreen?.();
    else await (fillsScreen(element) ? document.exitFullscreen() : element?.requestFullscreen());
  } catch {
    // The browser refused: the mode stays as it is.
  }
}

export function offersPictureInPicture(): boolean {
  return document.pictureInPictureEnabled === true;
}

export async function togglePictureInPicture(video: HTMLVideoElement | null): Promise<void> {
  try {
    if (document.pictureInPictureElement) await document.exitPictureInPicture();
    else await video?.requestPictureInPicture();
  } catch {
    // The browser refused, or the video has no picture yet.
  }
}
