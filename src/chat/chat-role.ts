import { isAdmin, type Principal, userIdOf } from '../accounts/index.js';
import { type Clock, PublicError, TtlCache } from '../platform/index.js';
import type { ChatContext } from './chat-rooms.js';
import type { Badge } from './messages/chat-message.js';

/** Role of a user in the chat of one livestream. */
export type ChatRole = Badge | 'viewer';

const CACHE_TTL_MS = 10_000;
/** Limit on cached lookups and on remembered admins of a host platform. */
const CACHE_SIZE = 10_000;

/** Origin of a request: principal and address. */
export type Visitor = {
  principal: Principal;
  /** Network address, without a port. */
  address: string;
};

/** Resolves chat roles and enforces who may moderate whom. */
export class ChatRoles {
  /** Whether a user id is that of an admin's account on this gateway. */
  readonly #isAdminAccount: (userId: string) => Promise<boolean>;
  readonly #adminAccounts: TtlCache<boolean>;
  /** Admins of a host platform, known only from tokens they presented. */
  readonly #seenAdmins = new Set<string>();

  constructor(isAdminAccount: (userId: string) => Promise<boolean>, clock: Clock) {
    this.#isAdminAccount = isAdminAccount;
    this.#adminAccounts = new TtlCache({
      clock,
      ttlMs: CACHE_TTL_MS,
      maxEntries: CACHE_SIZE,
    });
  }

  roleOf(principal: Principal, { room, livestream }: ChatContext): ChatRole {
    const userId = userIdOf(principal);
    if (userId !== undefined && userId === livestream.userId) return 'broadcaster';
    if (isAdmin(principal)) {
      if (userId !== undefined) this.#rememberAdmin(userId);
      return 'admin';
    }
    return userId !== undefined && room.moderators.has(userId) ? 'moderator' : 'viewer';
  }

  /** Returns the role of a user who is not the caller. */
  async roleOfUser(userId: string, { room, livestream }: ChatContext): Promise<ChatRole> {
    if (userId === livestream.userId) return 'broadcaster';
    if (this.#seenAdmins.has(userId)) return 'admin';
    if (await this.#adminAccounts.get(userId, () => this.#isAdminAccount(userId))) return 'admin';
    return room.moderators.has(userId) ? 'moderator' : 'viewer';
  }

  /**
   * Returns the role of a visitor who acts as moderator.
   *
   * @throws PublicError 401 `not_signed_in`, 403 `not_allowed`
   */
  requireModerator({ principal }: Visitor, context: ChatContext): Exclude<ChatRole, 'viewer'> {
    const role = this.roleOf(principal, context);
    if (role !== 'viewer') return role;
    if (principal.kind === 'anonymous') throw notSignedIn();
    throw new PublicError(403, 'not_allowed', "Only the livestream's moderators may do this.");
  }

  /** @throws PublicError 401 `not_signed_in`, 403 `not_allowed` */
  requireOwner(visitor: Visitor, context: ChatContext): ChatRole {
    const role = this.requireModerator(visitor, context);
    if (role !== 'moderator') return role;
    throw new PublicError(403, 'not_allowed', "Only the livestream's broadcaster may do this.");
  }

  #rememberAdmin(userId: string): void {
    this.#seenAdmins.delete(userId);
    this.#seenAdmins.add(userId);
    const [oldest] = this.#seenAdmins;
    if (oldest !== undefined && this.#seenAdmins.size > CACHE_SIZE) this.#seenAdmins.delete(oldest);
  }
}

/**
 * Checks that `actor` may moderate `target`: moderators may not act on each other, and nobody on the broadcaster or
 * an admin.
 *
 * @throws PublicError 403 `not_allowed`
 */
export function assertOutranks(actor: ChatRole, target: ChatRole): void {
  const allowed = target === 'viewer' || (target === 'moderator' && actor !== 'moderator');
  if (allowed && actor !== 'viewer') return;
  const names = { broadcaster: 'the broadcaster', admin: 'an administrator', moderator: 'another moderator' };
  throw new PublicError(
    403,
    'not_allowed',
    target === 'viewer' ? 'Only moderators may do this.' : `You cannot moderate ${names[target]}.`,
  );
}

export function notSignedIn(): PublicError {
  return new PublicError(401, 'not_signed_in', 'Sign in first to take part in the chat.');
}
