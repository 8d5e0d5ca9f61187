import type { Clock } from '../platform/index.js';

/** Interval of renewals of a claim, ms: well within it. */
const RENEW_MS = 3_000;

export type ClaimedTask = {
  clock: Clock;
  /** Renews the claim. Resolves to false when it is lost. */
  renew(): Promise<boolean>;
  /** Aborts when the gateway closes. */
  lifetime: AbortSignal;
};

/** Works on a claimed row, and renews the claim meanwhile. The signal of `work` aborts with the claim or the lifetime. */
export async function whileClaimed<T>(
  { clock, renew, lifetime }: ClaimedTask,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const task = new AbortController();
  const stop = (): void => task.abort();
  lifetime.addEventListener('abort', stop);
  if (lifetime.aborted) stop();
  const stopRenewing = clock.every(RENEW_MS, () => {
    renew().then(
      (isMine) => isMine || task.abort(),
      () => {},
    );
  });
  try {
    return await work(task.signal);
  } finally {
    stopRenewing();
    lifetime.removeEventListener('abort', stop);
  }
}
