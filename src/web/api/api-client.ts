import type {
  ApiRoutes,
  Clip,
  ClipResponse,
  ErrorCode,
  ErrorResponse,
  PublicChannelResponse,
  Recording,
  SearchResponse,
  Stream,
  Video,
} from '../../api/contract.js';
import { errorMessage } from '../locale/gateway-messages.js';
import { commonTexts } from '../texts/common.js';
import { serverClock } from './server-clock.js';
import { noteSignInEnd } from './sign-in-end.js';

export type { Stream } from '../../api/contract.js';

/** Limit on a delay from Retry-After: browsers fire timers of more than 24 days at once. */
const MAXIMUM_RETRY_AFTER_S = 3_600;

export type ApiRoute = keyof ApiRoutes;

/** Parameters and body are required where the route has them. */
export type ApiRequest<Route extends ApiRoute> = {
  csrfToken?: string | null;
  signal?: AbortSignal;
  query?: Record<string, string>;
  /** Server of the API; default: that of the page. Cookies are sent to that one only. */
  origin?: string;
} & (keyof ApiRoutes[Route]['params'] extends never
  ? { params?: undefined }
  : { params: ApiRoutes[Route]['params'] }) &
  (ApiRoutes[Route]['body'] extends undefined ? { body?: undefined } : { body: ApiRoutes[Route]['body'] });

export type ApiFailure = {
  kind: 'failed';
  /** HTTP status; 0 without an answer. */
  status: number;
  /** Code of the API's error, where the server sent one. */
  code?: ErrorCode;
  /** Message for the user. */
  message: string;
  /** Seconds, from Retry-After. */
  retryAfterS?: number;
};

export type ApiResult<T> = { kind: 'ok'; value: T } | ApiFailure;

/** Result of a resource that may not exist. */
export type FetchResult<T> = ApiResult<T> | { kind: 'missing' };

/** Time limit of one poll. */
const POLL_TIMEOUT_MS = 8_000;

/** Lists the public streams that are live. */
export function fetchActiveStreams(signal: AbortSignal): Promise<FetchResult<{ streams: Stream[] }>> {
  return fetchResource('GET /api/livestream/active', { signal });
}

/** Lists public clips, newest first. */
export function fetchRecentClips(signal: AbortSignal): Promise<FetchResult<{ clips: Clip[] }>> {
  return fetchResource('GET /api/clips', { query: { limit: '12' }, signal });
}

/** Lists public videos, newest first. */
export function fetchRecentVideos(signal: AbortSignal): Promise<FetchResult<{ videos: Video[] }>> {
  return fetchResource('GET /api/videos/recent', { query: { limit: '12' }, signal });
}

/** Searches what is public. */
export function search(words: string, signal: AbortSignal): Promise<FetchResult<SearchResponse>> {
  return fetchResource('GET /api/search', { query: { q: words, limit: '24' }, signal });
}

/** Returns the channel of an account. */
export function fetchChannel(name: string, signal: AbortSignal): Promise<FetchResult<PublicChannelResponse>> {
  return fetchResource('GET /api/channels/:name', { params: { name }, signal });
}

/** Public content of a channel, each list newest first. */
export type ChannelContent = {
  live: Stream[];
  upcoming: Stream[];
  recordings: Recording[];
  clips: Clip[];
  videos: Video[];
};

/** Lists the public content of a channel. @param limit entries of each list */
export async function fetchChannelContent(
  userId: string,
  limit: number,
  signal: AbortSignal,
): Promise<FetchResult<ChannelContent>> {
  const query = { userId, limit: String(limit) };
  const results = await Promise.all([
    fetchResource('GET /api/livestream/active', { query, signal }),
    fetchResource('GET /api/livestream/upcoming', { query, signal }),
    fetchResource('GET /api/recordings/recent', { query, signal }),
    fetchResource('GET /api/clips', { query: { ownerId: userId, limit: query.limit }, signal }),
    fetchResource('GET /api/videos', { query, signal }),
  ]);
  const failed = results.find((result) => result.kind !== 'ok');
  if (failed) return failed;
  const [live, upcoming, recordings, clips, videos] = results;
  return {
    kind: 'ok',
    value: {
      live: live.kind === 'ok' ? live.value.streams : [],
      upcoming: upcoming.kind === 'ok' ? upcoming.value.streams : [],
      recordings: recordings.kind === 'ok' ? recordings.value.recordings : [],
      clips: clips.kind === 'ok' ? clips.value.clips : [],
      // The account itself gets all of its videos.
      videos:
        videos.kind === 'ok'
          ? videos.value.videos.filter(
              ({ visibility, state }) => visibility === 'public' && state === 'ready',
            )
          : [],
    },
  };
}

/** Returns one stream, live or not. */
export function fetchStream(streamId: string, signal: AbortSignal): Promise<FetchResult<{ stream: Stream }>> {
  return fetchResource('GET /api/livestream/:streamId', { params: { streamId }, signal });
}

/** Returns one clip, ready or not. */
export function fetchClip(clipId: string, signal: AbortSignal): Promise<FetchResult<ClipResponse>> {
  return fetchResource('GET /api/clips/:clipId', { params: { clipId }, signal });
}

/** Lists public livestreams with a planned start, earliest first. */
export function fetchUpcomingStreams(signal: AbortSignal): Promise<FetchResult<{ streams: Stream[] }>> {
  return fetchResource('GET /api/livestream/upcoming', { signal });
}

/** Lists public recordings, newest first. */
export function fetchRecentRecordings(
  signal: AbortSignal,
): Promise<FetchResult<{ recordings: Recording[] }>> {
  return fetchResource('GET /api/recordings/recent', { query: { limit: '12' }, signal });
}

/** Lists the livestreams of a user, newest first, at most 100. */
export function fetchStreamsOf(
  userId: string,
  signal: AbortSignal,
): Promise<FetchResult<{ streams: Stream[] }>> {
  return fetchResource('GET /api/livestream/user/:userId', {
    params: { userId },
    query: { limit: '100' },
    signal,
  });
}

/** Calls a route of the API. Types follow the schemas of the route. Never rejects. */
export async function callApi<Route extends ApiRoute>(
  route: Route,
  request: ApiRequest<Route>,
): Promise<ApiResult<ApiRoutes[Route]['response']>> {
  const { params, query, body, csrfToken, signal, origin = '' }: CallOptions = request;
  try {
    const search = query ? `?${new URLSearchParams(query)}` : '';
    const response = await fetch(origin + apiPath(route, params) + search, {
      method: route.slice(0, route.indexOf(' ')),
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(csrfToken ? { 'x-csrf-token': csrfToken } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
    serverClock.noteDate(response.headers.get('date'));
    if (!response.ok) return await failureOf(response, Boolean(csrfToken));
    return { kind: 'ok', value: (await response.json()) as ApiRoutes[Route]['response'] };
  } catch {
    return { kind: 'failed', status: 0, message: commonTexts.noAnswer };
  }
}

/** Returns the path of a route with its parameters filled in. */
export function apiPath(route: ApiRoute, params: Record<string, string> = {}): string {
  const pattern = route.slice(route.indexOf(' ') + 1);
  return pattern.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
}

type CallOptions = {
  params?: Record<string, string> | undefined;
  query?: Record<string, string>;
  body?: unknown;
  csrfToken?: string | null;
  signal?: AbortSignal;
  origin?: string;
};

/** Calls a route for a resource that may not exist, with a time limit. */
export async function fetchResource<Route extends ApiRoute>(
  route: Route,
  request: ApiRequest<Route>,
): Promise<FetchResult<ApiRoutes[Route]['response']>> {
  // `AbortSignal.any` would be shorter, but is newer than the browsers that the pages support.
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  const timer = setTimeout(abort, POLL_TIMEOUT_MS);
  request.signal?.addEventListener('abort', abort, { once: true });
  const result = await callApi(route, { ...request, signal: controller.signal });
  clearTimeout(timer);
  request.signal?.removeEventListener('abort', abort);
  // The API refuses a malformed id with 400; to a viewer that is the same as an unknown id.
  if (result.kind === 'failed' && (result.status === 404 || result.status === 400))
    return { kind: 'missing' };
  return result;
}

async function failureMessage(error: ErrorResponse['error'] | undefined, isChange: boolean): Promise<string> {
  if (noteSignInEnd(error?.code, isChange)) return commonTexts.signInEnded;
  return error ? await errorMessage(error.code, error.message) : commonTexts.noAnswer;
}

/** @param isChange the request was a change by a user who was signed in */
async function failureOf(response: Response, isChange: boolean): Promise<ApiFailure> {
  const body = (await response.json().catch(() => undefined)) as Partial<ErrorResponse> | undefined;
  const retryAfterS = Number(response.headers.get('retry-after'));
  return {
    kind: 'failed',
    status: response.status,
    message: await failureMessage(body?.error, isChange),
    ...(body?.error ? { code: body.error.code } : {}),
    ...(retryAfterS > 0 ? { retryAfterS: Math.min(retryAfterS, MAXIMUM_RETRY_AFTER_S) } : {}),
  };
}
