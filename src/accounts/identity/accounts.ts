import { type Clock, isUuid, type Sql } from '../../platform/index.js';
import type { AccessTokens } from '../credentials/access-tokens.js';
import type { Sessions } from '../credentials/sessions.js';
import type { SignIn } from '../credentials/sign-in.js';
import type { AccessChange } from './access-change.js';
import { accountNameKey } from './account-name.js';
import { type Account, AccountTable } from './account-table.js';
import { checkNewPassword, type Passwords } from './passwords.js';
import type { Role } from './principal.js';

export type AccountsOptions = {
  sql: Sql;
  clock: Clock;
  passwords: Passwords;
  sessions: Sessions;
  accessTokens: AccessTokens;
  signIn: SignIn;
  /** Receives accounts that changed. */
  changed: (change: AccessChange) => void;
};

export type PasswordChange = {
  current: string;
  password: string;
  /** Whether access tokens stay valid; default false. */
  keepTokens?: boolean | undefined;
};

/** Administrators have a queue of their own for password hashing. */
const ADMINISTRATOR_QUEUE_KEY = 'administrator';

/** Existing accounts. */
export class Accounts {
  readonly #options: AccountsOptions;
  readonly #table: AccountTable;

  constructor(options: AccountsOptions) {
    this.#options = options;
    this.#table = new AccountTable(options.sql);
  }

  /** @param userId any user id; users of a host platform have no account here. */
  async findAccount(userId: string): Promise<Account | undefined> {
    return isUuid(userId) ? this.#table.find(userId) : undefined;
  }

  /** Finds an account by its name, compared as at sign-in. */
  async findByName(name: string): Promise<Account | undefined> {
    // PostgreSQL takes no U+0000 in a text.
    if (name.includes('\0')) return undefined;
    const found = await this.#table.findByNameKey(accountNameKey(name));
    if (!found) return undefined;
    const { passwordHash: _, ...account } = found;
    return account;
  }

  /** Finds enabled accounts that may broadcast, by words of their name. @param query see `searchQuery` */
  async search(query: string, limit: number): Promise<Account[]> {
    return await this.#table.search(query, limit);
  }

  /** Returns those of the given users who have an account, in no order. */
  async listByIds(userIds: readonly string[]): Promise<Account[]> {
    return await this.#table.listByIds(userIds.filter((id) => isUuid(id)));
  }

  hasAdministrator(): Promise<boolean> {
    return this.#table.hasAdministrator();
  }

  /** Newest first. */
  list(page: { limit: number; offset: number; before?: string | undefined }): Promise<Account[]> {
    return this.#table.list(page);
  }

  /**
   * Changes the password at the owner's request. Ends all other sessions, and all access tokens unless they are kept,
   * as they may have been created with the old password.
   *
   * @throws PublicError 400 `password_weak`, 403 `password_wrong`, 429 `rate_limited`, 503 `temporarily_unavailable`
   */
  async changePassword(
    account: { id: string; name: string },
    { current, password, keepTokens = false }: PasswordChange,
    session: { id: string; address: string },
  ): Promise<void> {
    const { passwords, sessions, accessTokens, signIn } = this.#options;
    checkNewPassword(password, account.name);
    await signIn.confirm(account, current, session.address);
    const passwordHash = await passwords.hash(password, {
      account: accountNameKey(account.name),
      address: session.address,
    });
    await this.#table.change(account.id, { passwordHash });
    await sessions.endAllSessions(account.id, session.id);
    if (!keepTokens) await accessTokens.deleteAll(account.id);
  }

  /**
   * Changes an account at an administrator's request. A new password or disabling ends its sessions; a new password
   * also deletes its access tokens.
   *
   * @returns undefined when it does not exist.
   *
   * @throws PublicError 400 `password_weak`, 503 `temporarily_unavailable`
   */
  async change(
    id: string,
    change: { role?: Role | undefined; disabled?: boolean | undefined; password?: string | undefined },
  ): Promise<Account | undefined> {
    const { clock, passwords, sessions, accessTokens, changed: report } = this.#options;
    const account = await this.#table.find(id);
    if (!account) return undefined;
    const { role, disabled, password } = change;
    if (password !== undefined) checkNewPassword(password, account.name);
    const changed = await this.#table.change(id, {
      ...(role === undefined ? {} : { role }),
      ...(disabled === undefined
        ? {}
        : { disabledAt: disabled ? (account.disabledAt ?? new Date(clock.now())) : null }),
      ...(password === undefined
        ? {}
        : {
            passwordHash: await passwords.hash(password, {
              account: accountNameKey(account.name),
              address: ADMINISTRATOR_QUEUE_KEY,
            }),
          }),
    });
    // Reported before the following steps, which may fail: open connections must not wait for them.
    if (role !== undefined || disabled !== undefined) report({ userId: id });
    if (password !== undefined || disabled) await sessions.endAllSessions(id);
    if (password !== undefined) await accessTokens.deleteAll(id);
    return changed;
  }
}
