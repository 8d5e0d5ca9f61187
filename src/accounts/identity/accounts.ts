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
  /** Told of accounts that changed. */
  changed: (change: AccessChange) => void;
};

export type PasswordChange = {
  current: string;
  password: string;
  /** Whether access tokens stay valid; false by default. */
  keepTokens?: boolean | undefined;
};

/** Administrators have a turn of their own among those who wait for a password to be hashed. */
const BY_ADMINISTRATOR = 'administrator';

/** Accounts that there are. */
export class Accounts {
  readonly #options: AccountsOptions;
  readonly #table: AccountTable;

  constructor(options: AccountsOptions) {
    this.#options = options;
    this.#table = new AccountTable(options.sql);
  }

  /** @param userId any user id: those of a host platform have no account here. */
  async find(userId: string): Promise<Account | undefined> {
    return isUuid(userId) ? this.#table.find(userId) : undefined;
  }

  /** The newest first. */
  list(page: { limit: number; offset: number; before?: string | undefined }): Promise<Account[]> {
    return this.#table.list(page);
  }

  /**
   * Gives an account another password, as its owner asks in one of its sessions. All other sessions end; so do access
   * tokens, which whoever knew the old password may have made, unless they are to be kept.
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
    await sessions.endAll(account.id, session.id);
    if (!keepTokens) await accessTokens.deleteAll(account.id);
  }

  /**
   * An admin changes an account. A new password or disabling ends all of its sessions; a new password also takes its access
   * tokens away, as whoever knew the old one may have made some.
   *
   * @returns undefined when there is no such account.
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
              address: BY_ADMINISTRATOR,
            }),
          }),
    });
    // At once: what comes after it may fail, and nothing that is open may wait for that.
    if (role !== undefined || disabled !== undefined) report({ userId: id });
    if (password !== undefined || disabled) await sessions.endAll(id);
    if (password !== undefined) await accessTokens.deleteAll(id);
    return changed;
  }
}
