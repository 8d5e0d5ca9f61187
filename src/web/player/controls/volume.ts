const STORAGE_KEY = 'headend volume';

export type Volume = { volume: number; muted: boolean };

/** Parses what is stored; undefined for anything else. */
export function parseVolume(text: string | null): Volume | undefined {
  try {
    const { volume, muted } = JSON.parse(text ?? '') as Record<string, unknown>;
    const isVolume = typeof volume === 'number' && volume >= 0 && volume <= 1;
    return isVolume && typeof muted === 'boolean' ? { volume, muted } : undefined;
  } catch {
    return undefined;
  }
}

/** Sets the volume that this browser's user chose last. */
export function restoreVolume(video: HTMLVideoElement): void {
  let stored: Volume | undefined;
  try {
    stored = parseVolume(localStorage.getItem(STORAGE_KEY));
  } catch {
    // Storage is forbidden: full volume.
  }
  if (stored) Object.assign(video, stored);
}

/** Sets the volume as the user chose it, and remembers it. Never called for what the autoplay policy does. */
export function setVolume(video: HTMLVideoElement, change: Partial<Volume>): void {
  Object.assign(video, change);
  // Unmuting at volume 0 would change nothing that can be heard.
  if (change.muted === false && video.volume === 0) video.volume = 1;
  const { volume, muted } = video;
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify({ volume, muted } satisfies Volume));
  } catch {
    // Storage is forbidden: the choice lasts as long as the page.
  }
}
