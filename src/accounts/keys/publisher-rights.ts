import { isUuid } from '../../platform/index.js';
import type { Account } from '../identity/account-table.js';

/** Finds an account by an id that has the form of one; users of a host platform have none here. */
export type PublisherAccounts = (id: string) => Promise<Pick<Account, 'role' | 'disabledAt'> | undefined>;

/** By whose permission a broadcast is on air. */
export type PublisherRequest = {
  /** The broadcaster whose livestream it is; null: nobody's. */
  ownerId: string | null;
  /** Who publishes without a key, by being signed in: the owner or an admin, or `operator`. */
  signedInAs?: string | undefined;
};

/** Whether livestreams of a user may be broadcast, by whatever key. Users of a host platform always may. */
export async function mayBroadcastAs(
  userId: string | null,
  findAccount: PublisherAccounts,
): Promise<boolean> {
  const account = userId !== null && isUuid(userId) ? await findAccount(userId) : undefined;
  return !account || (account.disabledAt === null && account.role !== 'viewer');
}

/** Whether a publisher who was admitted before may go on. */
export async function mayStillPublish(
  { ownerId, signedInAs }: PublisherRequest,
  findAccount: PublisherAccounts,
): Promise<boolean> {
  if (!(await mayBroadcastAs(ownerId, findAccount))) return false;
  if (signedInAs === undefined || signedInAs === ownerId || !isUuid(signedInAs)) return true;
  const account = await findAccount(signedInAs);
  return !account || (account.disabledAt === null && account.role === 'admin');
}
