import { notSignedIn, type Standing, type Standings, type Visitor } from './chat-role.js';
import type { Place } from './chat-rooms.js';
import type { Badge } from './messages/chat-message.js';
import { cleanName } from './messages/message-text.js';

/** In whose name the operator's program speaks. */
export type InTheNameOf = { userId: string; name?: string | undefined };

/** Who writes a message. */
export type Author = {
  userId: string;
  name: string;
  standing: Standing;
  badge: Badge | null;
  /** Null where the address is not the author's own. */
  addressHash: string | null;
  kind: 'account' | 'guest' | 'operator';
};

/**
 * Who a visitor is as an author.
 *
 * @throws PublicError 401 `not_signed_in` where one must be
 */
export async function authorOf(
  visitor: Visitor,
  place: Place,
  standings: Standings,
  hash: (streamId: string, address: string) => string,
  as?: InTheNameOf,
): Promise<Author> {
  const { principal, address } = visitor;
  if (principal.kind === 'operator') {
    if (as === undefined)
      return { ...named('operator', 'Operator', 'admin'), addressHash: null, kind: 'operator' };
    const standing = await standings.ofUser(as.userId, place);
    return { ...named(as.userId, as.name ?? as.userId, standing), addressHash: null, kind: 'account' };
  }
  const addressHash = hash(place.room.streamId, address);
  if (principal.kind === 'account') {
    const standing = standings.of(principal, place);
    return { ...named(principal.userId, principal.name, standing), addressHash, kind: 'account' };
  }
  if (!place.room.settings.anonymous) throw notSignedIn();
  const number = 1_000 + (Number.parseInt(addressHash.slice(0, 8), 16) % 9_000);
  const guest = named(`guest:${addressHash.slice(0, 16)}`, `Guest ${number}`, 'viewer');
  return { ...guest, addressHash, kind: 'guest' };
}

function named(userId: string, name: string, standing: Standing) {
  return { userId, name: cleanName(name), standing, badge: standing === 'viewer' ? null : standing };
}
