import type { StreamAudience } from './stream-audience.js';
import type { Viewer } from './viewer.js';

/** Minimum share in places, enough for a household or a small office. */
const MINIMUM_SHARE = 10;
/** Share of a larger limit. */
const SHARE = 1 / 4;
/** Fraction of the limit that is reserved for accounts and addresses below their share. */
const RESERVE = 1 / 10;

/** Returns the share of one account or address, in places. */
function shareOf(limit: number): number {
  return Math.max(MINIMUM_SHARE, Math.ceil(limit * SHARE));
}

/** Whether there is a free place; the last tenth is reserved for those below their share. */
export function hasPlaceFor({ shareKey }: Viewer, stream: StreamAudience, limit: number): boolean {
  const share = shareOf(limit);
  const reserved = limit > share && stream.placesOf(shareKey) >= share ? Math.ceil(limit * RESERVE) : 0;
  return stream.places < limit - reserved;
}

/**
 * Finds a viewer to displace in a full livestream. A viewer that only joined is displaced by one of an account or address
 * with fewer places. A viewer with a socket or beacons is displaced if its account or address exceeds its share and the
 * new one does not. A viewer that plays is never displaced. Prefers the latest viewer of the key with the most places.
 */
export function findDisplaceable(
  { shareKey }: Viewer,
  stream: StreamAudience,
  limit: number,
): Viewer | undefined {
  const share = shareOf(limit);
  const own = stream.placesOf(shareKey);
  let found: Viewer | undefined;
  let foundPlaces = 0;
  for (const viewer of stream.viewers) {
    if (viewer.presence === 'away' || viewer.isExempt || viewer.placeUse === 'watching') continue;
    const isIdle = viewer.placeUse === 'none';
    if (found?.placeUse === 'none' && !isIdle) continue;
    const places = stream.placesOf(viewer.shareKey);
    const givesWay = isIdle ? places > own + 1 : places > share && own < share;
    const isBetter = !found || (isIdle && found.placeUse !== 'none') || places >= foundPlaces;
    if (!givesWay || !isBetter) continue;
    found = viewer;
    foundPlaces = places;
  }
  return found;
}
