import type { IncomingHttpHeaders } from 'node:http';
import type { ViewerRequest } from './viewer-admission.js';

/** HTTP request for playlists or media; `v` in its query is the viewer token. */
type MediaRequest = {
  query: Record<string, unknown>;
  headers: IncomingHttpHeaders;
  ip: string;
  host: string;
};

/** Returns the viewer token of a request. */
export function viewerTokenOf({ query }: Pick<MediaRequest, 'query'>): string | undefined {
  const { v } = query;
  return typeof v === 'string' && v !== '' ? v : undefined;
}

/** Returns what admission must know of a request. */
export function viewerRequestOf(request: MediaRequest, streamId: string): ViewerRequest {
  const { authorization, cookie, origin } = request.headers;
  const { ip: address, host } = request;
  return { streamId, token: viewerTokenOf(request), authorization, cookie, origin, host, address };
}
