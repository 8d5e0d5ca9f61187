import { useEffect, useState } from 'preact/hooks';
import { withTexts } from '../locale/language.js';

/** Returns what a dynamic import exports, with its texts, once it is needed and there; a failed import is tried again when it is needed anew. */
export function useLoaded<T>(isNeeded: boolean, load: () => Promise<T>): T | undefined {
  const [loaded, setLoaded] = useState<T>();
  useEffect(() => {
    if (!isNeeded || loaded !== undefined) return undefined;
    let isOpen = true;
    withTexts(load()).then(
      (value) => isOpen && setLoaded(() => value),
      () => {},
    );
    return () => {
      isOpen = false;
    };
  }, [isNeeded]);
  return loaded;
}
