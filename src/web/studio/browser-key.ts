import type { CurrentUser } from '../account/account.js';
import { type ApiResult, callApi } from '../api/api-client.js';

/** Lifetime of a key that the studio makes, ms: longer than a broadcast. */
const LIFETIME_MS = 24 * 3_600_000;
/** Remaining lifetime below which a new key is made, ms. */
const MARGIN_MS = 12 * 3_600_000;

type StoredKey = { streamKey: string; expiresAt: number };

/**
 * Returns a stream key for broadcasting from this tab. It is made for the tab, admits by WHIP alone, ends after a day, and is
 * kept until the tab is closed.
 */
export async function browserKey(
  { csrfToken }: CurrentUser,
  streamId: string,
): Promise<ApiResult<{ streamKey: string }>> {
  const known = stored(streamId);
  if (known && known.expiresAt - Date.now() > MARGIN_MS) return { kind: 'ok', value: known };
  const expiresAt = Date.now() + LIFETIME_MS;
  const result = await callApi('POST /api/livestream/:streamId/keys', {
    params: { streamId },
    body: { label: 'Studio', protocols: ['whip'], expiresAt: new Date(expiresAt).toISOString() },
    csrfToken,
  });
  if (result.kind === 'ok') store(streamId, { streamKey: result.value.streamKey, expiresAt });
  return result;
}

const storageKey = (streamId: string): string => `headend.studio-key.${streamId}`;

function stored(streamId: string): StoredKey | undefined {
  try {
    return JSON.parse(sessionStorage.getItem(storageKey(streamId)) ?? 'null') ?? undefined;
  } catch {
    // Storage is forbidden, or its content is not ours.
    return undefined;
  }
}

function store(streamId: string, key: StoredKey): void {
  try {
    sessionStorage.setItem(storageKey(streamId), JSON.stringify(key));
  } catch {
    // Storage is forbidden: the next broadcast makes another key.
  }
}
