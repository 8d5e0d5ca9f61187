import { type ErrorCode, PublicError } from '../platform/index.js';
import type { Author } from './author.js';
import type { ChatRoom } from './chat-room.js';
import { isEmotes } from './emotes.js';
import { hasLink } from './links.js';
import type { Ban } from './moderation-table.js';

/** What must be asked elsewhere about an author, where the chat's settings make it matter. */
export type Ties = { isGuest: boolean; isFollower: boolean };

/** @throws PublicError 403 `banned`, which says why and until when */
export function mustNotBeBanned(
  room: ChatRoom,
  { userId, addressHash, standing }: Pick<Author, 'userId' | 'addressHash' | 'standing'>,
): void {
  if (standing !== 'viewer') return; // who may moderate is not kept out by a neighbour's ban
  const ban = room.banOf(userId, addressHash);
  if (ban) throw banned(ban);
}

/**
 * What the chat's settings say of a message. Moderators and above may write whatever they like, but no links where
 * nobody may.
 *
 * @throws PublicError 403 `members_only`, `followers_only`, `emote_only`, `links_not_allowed`, `term_blocked`,
 * 429 `slow_mode`
 */
export function mustBeAllowed(room: ChatRoom, author: Author, ties: Ties, message: string): void {
  const { settings } = room;
  const privileged = author.standing !== 'viewer';
  if (settings.links === 'forbidden' || (settings.links === 'moderators' && !privileged))
    if (hasLink(message)) throw refused('links_not_allowed', 'Links are not allowed in this chat.');
  if (privileged) return;
  if (settings.membersOnly && !ties.isGuest)
    throw refused('members_only', 'Only members may write in this chat.');
  if (settings.followersOnly && !ties.isFollower)
    throw refused('followers_only', 'Only those who follow the broadcaster may write in this chat.');
  if (settings.emoteOnly && !isEmotes(message))
    throw refused('emote_only', 'Only emotes may be written in this chat at the moment.');
  if (room.isBlocked(message))
    throw refused('term_blocked', 'The message holds a term that is blocked in this chat.');
  const wait = room.slowWait(author.userId);
  if (wait > 0) {
    const seconds = Math.ceil(wait / 1_000);
    throw new PublicError(429, 'slow_mode', `Slow mode: you may write again in ${seconds} s.`, {
      retryAfter: seconds,
    });
  }
}

export function tooFast(waitMs: number): PublicError {
  const retryAfter = Math.ceil(waitMs / 1_000);
  return new PublicError(429, 'rate_limited', `You are too fast: try again in ${retryAfter} s.`, {
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
