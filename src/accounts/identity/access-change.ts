/**
 * Change of a user's permissions: everything opened by that user must be authorized again. Plain data, so that it can
 * be sent to other gateways.
 */
export type AccessChange = {
  userId: string;
  /** Sessions and access tokens that ended; undefined: the account itself changed (role, disabled, deleted). */
  credentialIds?: readonly string[] | undefined;
};

/** Whether a change affects what was opened by this user with this credential. */
export function isAffected(
  { userId, credentialIds }: AccessChange,
  by: { userId?: string | undefined; credentialId?: string | undefined },
): boolean {
  if (by.userId !== userId) return false;
  if (credentialIds === undefined) return true;
  return by.credentialId !== undefined && credentialIds.includes(by.credentialId);
}
