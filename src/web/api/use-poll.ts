import { useEffect, useState } from 'preact/hooks';
import type { FetchResult } from './api-client.js';
import { Poll } from './poll.js';

export type Polled<T> = {
  /** Last answer; undefined before the first one. */
  value: T | undefined;
  /** The API knows no such resource. */
  missing: boolean;
  /** The last request was answered. */
  reachable: boolean;
};

/**
 * Keeps a resource current while the page is visible.
 *
 * @param key names what is fetched: another one starts anew; undefined: nothing is fetched yet
 */
export function usePoll<T>(
  key: string | undefined,
  fetch: (signal: AbortSignal) => Promise<FetchResult<T>>,
): Polled<T> {
  const [polled, setPolled] = useState<Polled<T>>({ value: undefined, missing: false, reachable: true });

  useEffect(() => {
    if (key === undefined) return;
    const poll = new Poll({
      fetch,
      onResult: (result) => {
        setPolled(({ value }) => ({
          value: result.kind === 'ok' ? result.value : value,
          missing: result.kind === 'missing',
          reachable: result.kind !== 'failed',
        }));
        return result.kind === 'missing' ? 'never' : 'slow';
      },
      pausesHidden: true,
    });
    poll.start();
    return () => poll.close();
  }, [key]);

  return polled;
}
