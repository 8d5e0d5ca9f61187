import { useState } from 'preact/hooks';
import type { ApiResult } from '../api/api-client.js';
import { refocus } from './focus.js';

export type Action = {
  isBusy: boolean;
  /** Message of the last failure; empty after a success. */
  error: string;
  /** Waits for a call of the API. @returns its answer; undefined when it failed */
  run<T>(call: Promise<ApiResult<T>>): Promise<T | undefined>;
};

/** State of the calls that a form or button makes. */
export function useAction(): Action {
  const [isBusy, setIsBusy] = useState(false);
  const [error, setError] = useState('');
  return {
    isBusy,
    error,
    async run(call) {
      const focused = document.activeElement;
      setIsBusy(true);
      const result = await call;
      setIsBusy(false);
      refocus(focused);
      setError(result.kind === 'ok' ? '' : result.message);
      return result.kind === 'ok' ? result.value : undefined;
    },
  };
}
