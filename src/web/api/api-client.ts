import type { ErrorResponse, Stream } from '../../api/contract.js';

export type { Stream } from '../../api/contract.js';

/** Time limit of one request. */
const TIMEOUT_MS = 8_000;

/** Outcome of a request. `failed` covers temporary causes: no network, a restarting server, rate limits. */
export type ApiResult<T> =
  | { kind: 'ok'; value: T }
  | { kind: 'missing' }
  | { kind: 'failed'; reason: string; retryAfterS?: number };

/** Lists the public streams that are live. */
export function fetchActiveStreams(signal: AbortSignal): Promise<ApiResult<{ streams: Stream[] }>> {
  return get('/api/livestream/active', signal);
}

/** Returns one stream, live or not. */
export function fetchStream(streamId: string, signal: AbortSignal): Promise<ApiResult<{ stream: Stream }>> {
  return get(`/api/livestream/${encodeURIComponent(streamId)}`, signal);
}

async function get<T>(path: string, signal: AbortSignal): Promise<ApiResult<T>> {
  const request = new AbortController();
  const abort = (): void => request.abort();
  const timer = setTimeout(abort, TIMEOUT_MS);
  signal.addEventListener('abort', abort, { once: true });
  try {
    const response = await fetch(path, { signal: request.signal, headers: { accept: 'application/json' } });
    // The API refuses a malformed id with 400; to a viewer that is the same as an unknown id.
    if (response.status === 404 || response.status === 400) return { kind: 'missing' };
    if (!response.ok) return await failedResult(response);
    return { kind: 'ok', value: (await response.json()) as T };
  } catch (error) {
    return { kind: 'failed', reason: String(error) };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}

async function failedResult(response: Response): Promise<ApiResult<never>> {
  const body = (await response.json().catch(() => undefined)) as ErrorResponse | undefined;
  const retryAfterS = Number(response.headers.get('retry-after'));
  return {
    kind: 'failed',
    reason: body?.error.message ?? `status ${response.status}`,
    ...(retryAfterS > 0 ? { retryAfterS } : {}),
  };
}
