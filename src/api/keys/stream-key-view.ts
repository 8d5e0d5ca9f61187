import type { StreamKey } from '../../accounts/index.js';
import type { IngestServers, StreamKeyInfo } from '../contract.js';
import type { PublicUrls } from '../livestreams/stream-view.js';

/** Converts a stream key for responses, with its state at a moment (Unix ms). */
export function toStreamKey(key: StreamKey, now: number): StreamKeyInfo {
  const { id, label, main, protocols, addressRanges, replacedBy } = key;
  return {
    id,
    label,
    status: statusOf(key, now),
    main,
    protocols,
    addressRanges,
    expiresAt: key.expiresAt?.toISOString() ?? null,
    revokedAt: key.revokedAt?.toISOString() ?? null,
    replacedBy,
    createdAt: key.createdAt.toISOString(),
    lastUsedAt: key.lastUsedAt?.toISOString() ?? null,
  };
}

function statusOf({ revokedAt, expiresAt, replacedBy }: StreamKey, now: number): StreamKeyInfo['status'] {
  if (revokedAt) return 'revoked';
  if (expiresAt && expiresAt.getTime() <= now) return 'expired';
  return replacedBy === null ? 'active' : 'replaced';
}

/** Ingest URLs for encoders. */
export function toIngestServers(urls: PublicUrls): IngestServers {
  const rtmps = urls.rtmpsServer();
  const whip = urls.whip?.();
  return {
    rtmp: { server: urls.rtmpServer() },
    ...(rtmps === undefined ? {} : { rtmps: { server: rtmps } }),
    ...(whip === undefined ? {} : { whip: { server: whip } }),
  };
}
