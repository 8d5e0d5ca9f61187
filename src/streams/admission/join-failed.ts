import { PublicError } from '../../platform/index.js';

/** Takes failed attempts to watch a broadcast, with a stable code. */
export type JoinFailed = (streamId: string, code: string) => void;

/** Reports an attempt that is refused. Refusals as 404 are no failures: others may not know that there is anything. */
export async function noteRefusal<T>(
  joinFailed: JoinFailed | undefined,
  streamId: string,
  attempt: Promise<T>,
): Promise<T> {
  try {
    return await attempt;
  } catch (error) {
    if (error instanceof PublicError && error.status !== 404) joinFailed?.(streamId, error.code);
    throw error;
  }
}
