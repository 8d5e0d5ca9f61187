import { type ChatRole, type ChatRoles, notSignedIn, type Visitor } from './chat-role.js';
import type { ChatContext } from './chat-rooms.js';
import type { Badge } from './messages/chat-message.js';
import { cleanName } from './messages/message-text.js';

/** User on whose behalf the operator's server posts. */
export type OnBehalfOf = { userId: string; name?: string | undefined };

/** Author of a message or reaction. */
export type Author = {
  userId: string;
  name: string;
  role: ChatRole;
  badge: Badge | null;
  /** Null where the connection's address is not the author's own (the operator posts for others). */
  addressHash: string | null;
  kind: 'account' | 'guest' | 'operator';
};

/**
 * Resolves the author that a visitor acts as.
 *
 * @throws PublicError 401 `not_signed_in` where the chat is closed to anonymous viewers
 */
export async function authorOf(
  visitor: Visitor,
  context: ChatContext,
  roles: ChatRoles,
  hashAddress: (streamId: string, address: string) => string,
  as?: OnBehalfOf,
): Promise<Author> {
  const { principal, address } = visitor;
  if (principal.kind === 'operator') {
    if (as === undefined)
      return { ...named('operator', 'Operator', 'admin'), addressHash: null, kind: 'operator' };
    const role = await roles.roleOfUser(as.userId, context);
    return { ...named(as.userId, as.name ?? as.userId, role), addressHash: null, kind: 'account' };
  }
  const addressHash = hashAddress(context.room.streamId, address);
  if (principal.kind === 'account') {
    const role = roles.roleOf(principal, context);
    return { ...named(principal.userId, principal.name, role), addressHash, kind: 'account' };
  }
  if (!context.room.settings.anonymous) throw notSignedIn();
  const number = 1_000 + (Number.parseInt(addressHash.slice(0, 8), 16) % 9_000);
  const anonymous = named(`guest:${addressHash.slice(0, 16)}`, `Guest ${number}`, 'viewer');
  return { ...anonymous, addressHash, kind: 'guest' };
}

function named(userId: string, name: string, role: ChatRole) {
  return { userId, name: cleanName(name), role, badge: role === 'viewer' ? null : role };
}
