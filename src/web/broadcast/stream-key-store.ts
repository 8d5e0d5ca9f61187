const NAME = 'headend.stream-key';

/** The stream key that the person let this tab remember; gone when the tab is closed. */
export function rememberedKey(): string {
  try {
    return sessionStorage.getItem(NAME) ?? '';
  } catch {
    // The browser keeps nothing for this page.
    return '';
  }
}

export function rememberKey(streamKey: string | undefined): void {
  try {
    if (streamKey) sessionStorage.setItem(NAME, streamKey);
    else sessionStorage.removeItem(NAME);
  } catch {
    // As above: then it is not remembered.
  }
}
