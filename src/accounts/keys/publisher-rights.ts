import { isUuid } from '../../platform/index.js';
import type { Account } from '../identity/account-table.js';

/** Finds an account by UUID; users of a host platform have none here. */
export type PublisherAccounts = (id: string) => Promise<Pick<Account, 'role' | 'disabledAt'> | undefined>;

/** Users on whose permission a broadcast depends. */
export type PublisherRequest = {
  /** Broadcaster of the livestream; null: none. */
  ownerId: string | null;
  /** User who publishes without a key: the owner, an admin, or `operator`. */
  signedInAs?: string | undefined;
};

/** Whether a user's livestreams may be broadcast, with any key. Always true for users of a host platform. */
export async function mayBroadcastAs(
  userId: string | null,
  findAccount: PublisherAccounts,
): Promise<boolean> {
  const account = userId !== null && isUuid(userId) ? await findAccount(userId) : undefined;
  return !account || (account.disabledAt === null && account.role !== 'viewer');
}

/** Whether an admitted publisher may continue. */
export async function mayStillPublish(
  { ownerId, signedInAs }: PublisherRequest,
  findAccount: PublisherAccounts,
): Promise<boolean> {
  if (!(await mayBroadcastAs(ownerId, findAccount))) return false;
  if (signedInAs === undefined || signedInAs === ownerId || !isUuid(signedInAs)) return true;
  const account = await findAccount(signedInAs);
  return !account || (account.disabledAt === null && account.role === 'admin');
}
