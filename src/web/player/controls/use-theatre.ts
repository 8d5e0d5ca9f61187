import { useEffect, useState } from 'preact/hooks';

/** Theatre mode: the player has the whole width of the page, by `[data-theatre]` of the style sheets. */
export function useTheatre(): { isOn: boolean; toggle(): void } {
  const [isOn, setOn] = useState(false);
  useEffect(() => {
    document.documentElement.toggleAttribute('data-theatre', isOn);
    return () => document.documentElement.removeAttribute('data-theatre');
  }, [isOn]);
  return { isOn, toggle: () => setOn((now) => !now) };
}
