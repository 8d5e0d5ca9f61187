import type { ViewerProtocol } from '../../../streams/index.js';

/** Request whose answer is the same for all viewers of a public livestream. */
export type SharedRequest = {
  streamId: string;
  broadcastId: string;
  /** Path and delivery directives without the viewer token: key of the answer, and target of the request for it. */
  target: string;
} & (
  | { kind: 'playlist'; token: string | undefined; protocol: ViewerProtocol }
  /** Its viewer token, if any, belongs to a private livestream. */
  | { kind: 'media'; hasToken: boolean }
);

/** Without escapes, and with the names that the packager gives: others are the gateway's to answer. */
const PATH = /^\/hls\/([\w-]+)\/([\w-]+)\/[\w-]+\/(?:(index\.m3u8)|[\w.-]+\.(?:m4s|mp4))$/;
/** Position and names of the delivery directives in `target`: one target for each meaning. */
const DIRECTIVES = ['_HLS_msn', '_HLS_part', '_HLS_skip'] as const;
const TOKEN = 'v';
const PLAIN_VALUE = /^[\w.~-]+$/;
const PLAIN_NAME = /^[\w.~-]*$/;

/**
 * Parses the URL of a media playlist, initialization section, segment or part.
 *
 * @returns undefined for other URLs, multivariant playlists (which hold a viewer's token), and unusual query strings,
 * which mean the same only to the gateway
 */
export function parseSharedRequest(url: string): SharedRequest | undefined {
  const queryAt = url.indexOf('?');
  const path = queryAt < 0 ? url : url.slice(0, queryAt);
  const match = PATH.exec(path);
  const [, streamId, broadcastId, playlist] = match ?? [];
  if (streamId === undefined || broadcastId === undefined) return undefined;
  const query = queryAt < 0 ? NO_QUERY : readQuery(url.slice(queryAt + 1));
  if (!query) return undefined;
  const token = query.get(TOKEN);
  if (playlist === undefined)
    return { streamId, broadcastId, target: path, kind: 'media', hasToken: token !== undefined };
  let target = path;
  for (const name of DIRECTIVES) {
    const value = query.get(name);
    if (value !== undefined) target += `${target === path ? '?' : '&'}${name}=${value}`;
  }
  const isLowLatency = query.has('_HLS_msn') || query.has('_HLS_skip');
  const protocol = isLowLatency ? 'll-hls' : 'hls';
  return { streamId, broadcastId, target, kind: 'playlist', token, protocol };
}

const NO_QUERY: ReadonlyMap<string, string> = new Map();
const READ_NAMES: readonly string[] = [...DIRECTIVES, TOKEN];

/** Reads the arguments that the gateway reads. @returns undefined when one is repeated, empty or escaped */
function readQuery(query: string): ReadonlyMap<string, string> | undefined {
  const values = new Map<string, string>();
  for (const argument of query.split('&')) {
    const equalsAt = argument.indexOf('=');
    const name = equalsAt < 0 ? argument : argument.slice(0, equalsAt);
    if (!PLAIN_NAME.test(name)) return undefined;
    if (!READ_NAMES.includes(name)) continue;
    const value = equalsAt < 0 ? '' : argument.slice(equalsAt + 1);
    if (values.has(name) || !PLAIN_VALUE.test(value)) return undefined;
    values.set(name, value);
  }
  return values;
}
