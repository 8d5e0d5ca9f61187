import { type Clock, newId, PublicError, type Sql } from '../../platform/index.js';
import type { AccessChange } from '../identity/access-change.js';
import { type AccessToken, type AccessTokenOwner, AccessTokenTable } from './access-token-table.js';
import { hashSecret, isSecret, mintSecret } from './secret.js';

/** Interval between writes of a token's last use, in ms. */
const TOUCH_INTERVAL_MS = 60_000;
const MAXIMUM_TOKENS = 50;

export type AccessTokensOptions = {
  sql: Sql;
  clock: Clock;
  /** Receives the tokens that ended. */
  changed: (change: AccessChange) => void;
};

/** Personal access tokens, with which programs act as an account. */
export class AccessTokens {
  readonly #table: AccessTokenTable;
  readonly #clock: Clock;
  readonly #changed: (change: AccessChange) => void;

  constructor({ sql, clock, changed }: AccessTokensOptions) {
    this.#table = new AccessTokenTable(sql);
    this.#clock = clock;
    this.#changed = changed;
  }

  /**
   * Creates a token; `secret` is returned only here.
   *
   * @throws PublicError 400 `expiry_past`, 409 `too_many_tokens`
   */
  async create(
    accountId: string,
    { label, expiresAt }: { label: string; expiresAt: Date | null },
  ): Promise<AccessToken & { secret: string }> {
    const now = this.#clock.now();
    if (expiresAt && expiresAt.getTime() <= now)
      throw new PublicError(400, 'expiry_past', 'The expiry must be in the future.');
    const secret = mintSecret('accessToken');
    const token = { id: newId(), label, createdAt: new Date(now), lastUsedAt: null, expiresAt };
    if (!(await this.#table.insert({ ...token, hash: hashSecret(secret), accountId }, MAXIMUM_TOKENS)))
      throw new PublicError(
        409,
        'too_many_tokens',
        `An account may have ${MAXIMUM_TOKENS} access tokens: delete one first.`,
      );
    return { ...token, secret };
  }

  /** Returns the owner; undefined when the token has expired or the account is disabled. */
  async owner(secret: string): Promise<AccessTokenOwner | undefined> {
    if (!isSecret('accessToken', secret)) return undefined;
    const now = this.#clock.now();
    const owner = await this.#table.findOwner(hashSecret(secret), new Date(now));
    if (owner && now - (owner.lastUsedAt?.getTime() ?? 0) >= TOUCH_INTERVAL_MS)
      await this.#table.touch(owner.tokenId, new Date(now));
    return owner;
  }

  list(accountId: string): Promise<AccessToken[]> {
    return this.#table.list(accountId);
  }

  /** @returns false when the account has no such token. */
  async delete(accountId: string, id: string): Promise<boolean> {
    const deleted = await this.#table.delete(accountId, id);
    if (deleted) this.#changed({ userId: accountId, credentialIds: [id] });
    return deleted;
  }

  async deleteAll(accountId: string): Promise<void> {
    const credentialIds = await this.#table.deleteAll(accountId);
    if (credentialIds.length > 0) this.#changed({ userId: accountId, credentialIds });
  }

  /** Deletes tokens that expired before a moment. */
  async clean(before: Date): Promise<void> {
    await this.#table.deleteExpired(before);
  }
}
