import { useEffect, useState } from 'preact/hooks';
import { serverTimeMs } from './api-client.js';

const TICK_MS = 1_000;

/** Time of the server, Unix ms; changes every second. */
export function useServerTime(): number {
  const [nowMs, setNowMs] = useState(serverTimeMs);
  useEffect(() => {
    const timer = setInterval(() => setNowMs(serverTimeMs()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
}
