import type { RefObject } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

/** True where the element that had the focus was removed or disabled, or nothing had it. */
export function hasNoFocus(): boolean {
  const { activeElement } = document;
  return !activeElement || activeElement === document.body;
}

/** Returns a ref to an element that gets the focus when it appears in place of the button that opened it. */
export function useFocusHere<T extends HTMLElement>(): RefObject<T | null> {
  const element = useRef<T>(null);
  useLayoutEffect(() => {
    if (hasNoFocus()) element.current?.focus();
  }, []);
  return element;
}

/** Returns a ref to the button that opens something, which gets the focus back when that is closed. */
export function useFocusBack<T extends HTMLElement>(isOpen: boolean): RefObject<T | null> {
  const opener = useRef<T>(null);
  const wasOpen = useRef(isOpen);
  useLayoutEffect(() => {
    if (wasOpen.current && !isOpen && hasNoFocus()) opener.current?.focus();
    wasOpen.current = isOpen;
  }, [isOpen]);
  return opener;
}

/** Gives the focus back to a button that lost it while it was disabled. Call it when the button is enabled. */
export function refocus(focused: Element | null): void {
  // Once the change is rendered.
  setTimeout(() => {
    if (focused instanceof HTMLElement && focused.isConnected && hasNoFocus()) focused.focus();
  });
}

type FocusKeeper<T extends HTMLElement> = {
  ref: RefObject<T | null>;
  tabIndex: -1;
  onFocusCapture: () => void;
  onBlurCapture: (event: FocusEvent) => void;
};

/**
 * Returns the properties of an element that gets the focus itself when a button in it had the focus and was removed or disabled,
 * as where a button that was pressed makes room for others.
 */
export function useKeptFocus<T extends HTMLElement>(): FocusKeeper<T> {
  const element = useRef<T>(null);
  const hadFocus = useRef(false);
  useLayoutEffect(() => {
    if (hadFocus.current && hasNoFocus()) element.current?.focus();
  });
  return {
    ref: element,
    tabIndex: -1,
    onFocusCapture: () => {
      hadFocus.current = true;
    },
    onBlurCapture: ({ target, relatedTarget }) => {
      if (relatedTarget instanceof Node) hadFocus.current = element.current?.contains(relatedTarget) === true;
      // Browsers tell it before an element is removed. One that is still there was left.
      else
        setTimeout(() => {
          if (target instanceof HTMLElement && target.isConnected && !target.matches(':disabled'))
            hadFocus.current = element.current?.contains(document.activeElement) === true;
        });
    },
  };
}
