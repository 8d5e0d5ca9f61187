import { type Clock, newId, PublicError, type Sql } from '../../platform/index.js';
import type { AccessChange } from '../identity/access-change.js';
import { type AccessToken, type AccessTokenOwner, AccessTokenTable } from './access-token-table.js';
import { hashSecret, isSecret, mintSecret } from './secret.js';

/** The database hears that a token is used so often, in ms. */
const TOUCH_MS = 60_000;
const AT_MOST = 50;

export type AccessTokensOptions = {
  sql: Sql;
  clock: Clock;
  /** Told which tokens ended. */
  changed: (change: AccessChange) => void;
};

/** Personal access tokens: programs that act as an account. */
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
   * Makes a token: `secret` is shown this once.
   *
   * @throws PublicError 400 `expiry_past`, 409 `too_many_tokens`
   */
  async create(
    accountId: string,
    { label, expiresAt }: { label: string; expiresAt: Date | null },
  ): Promise<AccessToken & { secret: string }> {
    const now = this.#clock.now();
    if (expiresAt && expiresAt.getTime() <= now)
      throw new PublicError(400, 'expiry_past', 'The expiry lies in the past.');
    const secret = mintSecret('accessToken');
    const token = { id: newId(), label, createdAt: new Date(now), lastUsedAt: null, expiresAt };
    if (!(await this.#table.insert({ ...token, hash: hashSecret(secret), accountId }, AT_MOST)))
      throw new PublicError(
        409,
        'too_many_tokens',
        `An account has ${AT_MOST} access tokens at most: delete one first.`,
      );
    return { ...token, secret };
  }

  /** Whose token it is; nobody's when it or the account is over. */
  async owner(secret: string): Promise<AccessTokenOwner | undefined> {
    if (!isSecret('accessToken', secret)) return undefined;
    const now = this.#clock.now();
    const owner = await this.#table.findOwner(hashSecret(secret), new Date(now));
    if (owner && now - (owner.lastUsedAt?.getTime() ?? 0) >= TOUCH_MS)
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

  /** Forgets what was over before a moment. */
  async clean(before: Date): Promise<void> {
    await this.#table.deleteExpired(before);
  }
}
