import type { RefObject } from 'preact';
import { useEffect, useState } from 'preact/hooks';

/** Time without a movement after which the controls disappear, ms. */
const IDLE_MS = 3_000;

/** True while nobody uses an element: neither pointer nor keyboard, for some seconds. */
export function useIdle(element: RefObject<HTMLElement | null>): boolean {
  const [isIdle, setIdle] = useState(false);
  useEffect(() => {
    const target = element.current;
    if (!target) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const listeners = new AbortController();
    const { signal } = listeners;
    const used = (): void => {
      clearTimeout(timer);
      setIdle(false);
      timer = setTimeout(() => setIdle(true), IDLE_MS);
    };
    for (const name of ['pointermove', 'pointerdown', 'keydown', 'focusin'])
      target.addEventListener(name, used, { signal });
    target.addEventListener('pointerleave', ({ pointerType }) => pointerType === 'mouse' && setIdle(true), {
      signal,
    });
    used();
    return () => {
      clearTimeout(timer);
      listeners.abort();
    };
  }, [element]);
  return isIdle;
}
