import { streamNotFound } from '../../platform/index.js';
import { mayManage, type Principal, userIdOf } from './principal.js';

/** Part of a livestream that decides who may watch it. */
export type Watchable = {
  id: string;
  /** Owner. */
  userId: string | null;
  visibility: 'public' | 'unlisted' | 'private';
  /** Account that made a private clip, and may watch it. Absent or null: none. */
  maker?: string | null;
};

/** Look-up of an invitation. The caller chooses its cache and time limit. */
export type IsInvitee = (streamId: string, userId: string) => Promise<boolean>;

/** Whether a livestream needs no permission. */
export function mayEverybodyWatch({ visibility }: Pick<Watchable, 'visibility'>): boolean {
  return visibility !== 'private';
}

/**
 * Whether a principal may watch a livestream and read its chat: private ones are for their owner, admins and invitees.
 * Private clips also for their maker. The state of the livestream does not matter. Looks up an invitation only where the answer depends on it.
 */
export async function mayWatch(
  principal: Principal,
  livestream: Watchable,
  isInvitee: IsInvitee,
): Promise<boolean> {
  if (mayEverybodyWatch(livestream) || mayManage(principal, livestream)) return true;
  const userId = userIdOf(principal);
  if (userId === undefined) return false;
  return userId === livestream.maker || (await isInvitee(livestream.id, userId));
}

/**
 * Returns the livestream if the principal may watch it.
 *
 * @param livestream undefined if it does not exist
 * @throws PublicError 404 `stream_not_found`, also for private livestreams, so that they cannot be probed
 */
export async function requireWatchable<Found extends Watchable>(
  principal: Principal,
  livestream: Found | undefined,
  isInvitee: IsInvitee,
): Promise<Found> {
  if (livestream && (await mayWatch(principal, livestream, isInvitee))) return livestream;
  throw streamNotFound();
}
