import { isAdmin, type Principal, userIdOf } from '../accounts/index.js';
import { type Clock, PublicError } from '../platform/index.js';
import { Recall } from './answer-cache.js';
import type { Place } from './chat-rooms.js';
import type { Badge } from './messages/chat-message.js';

/** What somebody is in the chat of a livestream. */
export type Standing = Badge | 'viewer';

const RECALL_MS = 10_000;
/** Admins of a host platform that are remembered. */
const REMEMBERED = 10_000;

/** Who is asking. */
export type Visitor = {
  principal: Principal;
  /** The network address, without a port. */
  address: string;
};

/** Who is what in a livestream's chat, and what they may do to each other there. */
export class Standings {
  /** Whether an account here is an admin's. */
  readonly #isAdminAccount: (userId: string) => Promise<boolean>;
  readonly #recall: Recall<boolean>;
  /** A host platform's admins are known once they were here. */
  readonly #seen = new Set<string>();

  constructor(isAdminAccount: (userId: string) => Promise<boolean>, clock: Clock) {
    this.#isAdminAccount = isAdminAccount;
    this.#recall = new Recall(clock, { ttlMs: RECALL_MS, keys: REMEMBERED, keep: () => true });
  }

  of(principal: Principal, { room, livestream }: Place): Standing {
    const userId = userIdOf(principal);
    if (userId !== undefined && userId === livestream.userId) return 'broadcaster';
    if (isAdmin(principal)) {
      if (userId !== undefined) this.#remember(userId);
      return 'admin';
    }
    return userId !== undefined && room.moderators.has(userId) ? 'moderator' : 'viewer';
  }

  /** The same of somebody who is not asking. */
  async ofUser(userId: string, { room, livestream }: Place): Promise<Standing> {
    if (userId === livestream.userId) return 'broadcaster';
    if (this.#seen.has(userId)) return 'admin';
    if (await this.#recall.get(userId, () => this.#isAdminAccount(userId))) return 'admin';
    return room.moderators.has(userId) ? 'moderator' : 'viewer';
  }

  /**
   * What a visitor is who wants to moderate.
   *
   * @throws PublicError 401 `not_signed_in`, 403 `not_allowed`
   */
  moderator({ principal }: Visitor, place: Place): Exclude<Standing, 'viewer'> {
    const standing = this.of(principal, place);
    if (standing !== 'viewer') return standing;
    if (principal.kind === 'anonymous') throw notSignedIn();
    throw new PublicError(403, 'not_allowed', "This is for the livestream's moderators.");
  }

  /** @throws PublicError 401 `not_signed_in`, 403 `not_allowed` */
  owner(visitor: Visitor, place: Place): Standing {
    const standing = this.moderator(visitor, place);
    if (standing !== 'moderator') return standing;
    throw new PublicError(403, 'not_allowed', "This is for the livestream's broadcaster.");
  }

  #remember(userId: string): void {
    this.#seen.delete(userId);
    this.#seen.add(userId);
    const [oldest] = this.#seen;
    if (oldest !== undefined && this.#seen.size > REMEMBERED) this.#seen.delete(oldest);
  }
}

/**
 * Nobody moderates the broadcaster or an admin, and moderators don't moderate each other.
 *
 * @throws PublicError 403 `not_allowed`
 */
export function mustOutrank(actor: Standing, target: Standing): void {
  const may = target === 'viewer' || (target === 'moderator' && actor !== 'moderator');
  if (may && actor !== 'viewer') return;
  const who = { broadcaster: 'the broadcaster', admin: 'an administrator', moderator: 'another moderator' };
  throw new PublicError(
    403,
    'not_allowed',
    target === 'viewer' ? 'This is for moderators.' : `You cannot moderate ${who[target]}.`,
  );
}

export function notSignedIn(): PublicError {
  return new PublicError(401, 'not_signed_in', 'Sign in first to take part in the chat.');
}
