import type { ErrorResponse, Stream } from '../../api/contract.js';

export type { Stream } from '../../api/contract.js';

/** Longer than this a page does not wait for an answer. */
const TIMEOUT_MS = 8_000;

/** What the API answered. `failed` covers all that may pass: no network, a server that restarts, too many requests. */
export type Answer<T> =
  | { kind: 'ok'; value: T }
  | { kind: 'missing' }
  | { kind: 'failed'; reason: string; retryAfter?: number };

/** Streams that are live now. */
export function activeStreams(signal: AbortSignal): Promise<Answer<{ streams: Stream[] }>> {
  return get('/api/livestream/active', signal);
}

/** One stream, live or not. */
export function streamById(streamId: string, signal: AbortSignal): Promise<Answer<{ stream: Stream }>> {
  return get(`/api/livestream/${encodeURIComponent(streamId)}`, signal);
}

async function get<T>(path: string, signal: AbortSignal): Promise<Answer<T>> {
  const request = new AbortController();
  const abort = (): void => request.abort();
  const timer = setTimeout(abort, TIMEOUT_MS);
  signal.addEventListener('abort', abort, { once: true });
  try {
    const response = await fetch(path, { signal: request.signal, headers: { accept: 'application/json' } });
    // An id that is no id at all is refused as a bad request: for a viewer it is the same as an unknown one.
    if (response.status === 404 || response.status === 400) return { kind: 'missing' };
    if (!response.ok) return await failure(response);
    return { kind: 'ok', value: (await response.json()) as T };
  } catch (error) {
    return { kind: 'failed', reason: String(error) };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}

async function failure(response: Response): Promise<Answer<never>> {
  const body = (await response.json().catch(() => undefined)) as ErrorResponse | undefined;
  const retryAfter = Number(response.headers.get('retry-after'));
  return {
    kind: 'failed',
    reason: body?.error.message ?? `status ${response.status}`,
    ...(retryAfter > 0 ? { retryAfter } : {}),
  };
}
