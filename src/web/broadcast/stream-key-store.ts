const STORAGE_KEY = 'headend.stream-key';

/** Stream key in `sessionStorage`, deleted with the tab; empty when none is stored. */
export function storedStreamKey(): string {
  try {
    return sessionStorage.getItem(STORAGE_KEY) ?? '';
  } catch {
    // Storage is forbidden.
    return '';
  }
}

export function storeStreamKey(streamKey: string | undefined): void {
  try {
    if (streamKey) sessionStorage.setItem(STORAGE_KEY, streamKey);
    else sessionStorage.removeItem(STORAGE_KEY);
  } catch {
    // Storage is forbidden: the key is not stored.
  }
}
