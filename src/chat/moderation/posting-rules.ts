import { type ErrorCode, PublicError } from '../../platform/index.js';
import type { Author } from '../author.js';
import type { ChatRoom } from '../chat-room.js';
import { isEmotes } from '../messages/emotes.js';
import { hasLink } from './links.js';
import type { Ban } from './moderation-table.js';

/** Relations between an author and the livestream, looked up only where the settings need them. */
export type AuthorRelations = { isInvitee: boolean; isFollower: boolean };

/** @throws PublicError 403 `banned`, with reason and end */
export function assertNotBanned(
  room: ChatRoom,
  { userId, addressHash, role }: Pick<Author, 'userId' | 'addressHash' | 'role'>,
): void {
  if (role !== 'viewer') return; // a ban of a shared address does not apply to moderators
  const ban = room.banOf(userId, addressHash);
  if (ban) throw banned(ban);
}

/**
 * Checks a message against the chat's settings. Moderators and above are exempt, except where links are forbidden for
 * everyone.
 *
 * @throws PublicError 403 `members_only`, `followers_only`, `emote_only`, `links_not_allowed`, `term_blocked`, 429
 * `slow_mode`
 */
export function assertAllowed(
  room: ChatRoom,
  author: Author,
  relations: AuthorRelations,
  message: string,
): void {
  const { settings } = room;
  const privileged = author.role !== 'viewer';
  if (settings.links === 'forbidden' || (settings.links === 'moderators' && !privileged))
    if (hasLink(message)) throw refused('links_not_allowed', 'Links are not allowed in this chat.');
  if (privileged) return;
  if (settings.membersOnly && !relations.isInvitee)
    throw refused('members_only', 'Only members may write in this chat.');
  if (settings.followersOnly && !relations.isFollower)
    throw refused('followers_only', 'Only followers may write in this chat: follow the broadcaster first.');
  if (settings.emoteOnly && !isEmotes(message))
    throw refused('emote_only', 'Only emotes may be written in this chat at the moment.');
  if (room.isBlocked(message))
    throw refused('term_blocked', 'The message contains a term that is blocked in this chat.');
  const waitMs = room.slowModeWaitMs(author.userId);
  if (waitMs > 0) {
    const seconds = Math.ceil(waitMs / 1_000);
    throw new PublicError(429, 'slow_mode', `Slow mode: you may write again in ${seconds} s.`, {
      retryAfter: seconds,
    });
  }
}

export function rateLimited(waitMs: number): PublicError {
  const retryAfter = Math.ceil(waitMs / 1_000);
  return new PublicError(429, 'rate_limited', `Too many requests: try again in ${retryAfter} s.`, {
    retryAfter,
  });
}

function banned({ until, reason }: Ban): PublicError {
  const long = until ? `until ${until.toISOString()}` : 'for good';
  const why = reason === '' ? '' : `: ${reason}`;
  return new PublicError(403, 'banned', `You may not write in this chat ${long}${why}`, {
    until: until?.toISOString() ?? null,
    reason,
  });
}

function refused(code: ErrorCode, message: string): PublicError {
  return new PublicError(403, code, message);
}
