import { networkInterfaces } from 'node:os';
import type { PublicUrls } from '../api/index.js';
import { isWithin, type Logger } from '../platform/index.js';

const RTMP_DEFAULT_PORT = 1935;
const RTMPS_DEFAULT_PORT = 443;

/** Bound ports; known only after the start when the configuration says 0. */
export type BoundPorts = { http: number; rtmp: number; rtmps: number | undefined };

/** Replaces `::` by `0.0.0.0` on a machine without IPv6. */
export function listeningHost(host: string): string {
  if (host !== '::') return host;
  const hasIpv6 = Object.values(networkInterfaces())
    .flat()
    .some((address) => address?.family === 'IPv6');
  return hasIpv6 ? host : '0.0.0.0';
}

/** Warns of TRUST_PROXY=true on a listener that is reachable from other machines. */
export function warnOfTrustedPeers(host: string, log: Logger): void {
  if (host === 'localhost' || isWithin(host, ['127.0.0.0/8', '::1'])) return;
  log.warn(
    { host },
    'TRUST_PROXY=true trusts the X-Forwarded-* headers of every client that reaches this listener, and disables the ' +
      "limits per address: set the proxies' addresses (TRUST_PROXY=127.0.0.1), or HTTP_HOST=127.0.0.1",
  );
}

/** Returns the path of PUBLIC_URL, the prefix of all paths in client URLs; usually empty. */
export function publicUrlPath(publicUrl: string | undefined): string {
  return publicUrl === undefined ? '' : new URL(publicUrl).pathname.replace(/\/+$/, '');
}

/** Returns the public URLs of the gateway, its pages and its media. */
export function publicAddresses(
  publicUrl: string | undefined,
  bound: BoundPorts,
  rewindWindowMs: number,
): { urls: PublicUrls; origin: () => string } {
  const base = (): URL => new URL(publicUrl ?? `http://localhost:${bound.http}`);
  // The public address may have a path of its own.
  const below = (path: string): string => `${base().href.replace(/\/+$/, '')}/${path}`;
  return {
    origin: () => base().origin,
    urls: {
      rtmpServer: () => ingestUrl('rtmp', base().hostname, bound.rtmp, RTMP_DEFAULT_PORT),
      rtmpsServer: () =>
        bound.rtmps === undefined
          ? undefined
          : ingestUrl('rtmps', base().hostname, bound.rtmps, RTMPS_DEFAULT_PORT),
      below,
      whip: () => below('whip'),
      hls: (streamId) => below(`hls/${streamId}/index.m3u8`),
      dash: (streamId) => below(`dash/${streamId}/index.mpd`),
      ...(rewindWindowMs === 0
        ? {}
        : {
            rewind: (streamId: string) => ({
              hls: below(`rewind/${streamId}/index.m3u8`),
              sprites: below(`rewind/${streamId}/sprites.vtt`),
              windowS: rewindWindowMs / 1_000,
            }),
          }),
      livestream: (streamId) => below(`api/livestream/${streamId}/`),
      watch: (streamId) => below(`watch/${streamId}`),
      whep: (streamId) => below(`whep/${streamId}`),
    },
  };
}

function ingestUrl(protocol: 'rtmp' | 'rtmps', hostname: string, port: number, defaultPort: number): string {
  return `${protocol}://${hostname}${port === defaultPort ? '' : `:${port}`}/live`;
}
