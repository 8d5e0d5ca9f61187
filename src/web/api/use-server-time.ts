import { useEffect, useState } from 'preact/hooks';
import { serverClock } from './server-clock.js';

const TICK_MS = 1_000;

/** Time of the server, Unix ms; changes every second. */
export function useServerTime(): number {
  const [nowMs, setNowMs] = useState(() => serverClock.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(serverClock.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
}
