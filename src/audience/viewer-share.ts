import type { StreamAudience } from './stream-audience.js';
import type { Viewer } from './viewer.js';

/** Places of an account or an address that nobody contests, whatever the limit: a household, a small office. */
const MINIMUM_SHARE = 10;
/** Of a larger limit: a quarter. */
const SHARE = 1 / 4;
/** Kept for others from who has more than their share: a tenth. */
const RESERVE = 1 / 10;

/** Places of one account or address that others cannot contest while their use is known. */
function shareOf(limit: number): number {
  return Math.max(MINIMUM_SHARE, Math.ceil(limit * SHARE));
}

/** Whether there is a free place: the last tenth of them is not for who has their share already. */
export function hasPlaceFor({ shareKey }: Viewer, stream: StreamAudience, limit: number): boolean {
  const share = shareOf(limit);
  const reserved = limit > share && stream.placesOf(shareKey) >= share ? Math.ceil(limit * RESERVE) : 0;
  return stream.places < limit - reserved;
}

/**
 * Finds a viewer who gives way in a full livestream. Who joined and did nothing since gives way to who has fewer places; who
 * waits by a socket or sends beacons, where their account or address has more than its share, to who has less than that; who
 * watches stays. Of several, the last one of who has the most places.
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
