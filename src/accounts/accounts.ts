import { type Clock, isUuid, type Sql } from '../platform/index.js';
import type { AccessTokens } from './access-tokens.js';
import { accountNameKey } from './account-name.js';
import { type Account, AccountTable } from './account-table.js';
import { checkNewPassword, type Passwords } from './passwords.js';
import type { Role } from './principal.js';
import type { Sessions } from './sessions.js';
import type { SignIn } from './sign-in.js';

export type AccountsOptions = {
  sql: Sql;
  clock: Clock;
  passwords: Passwords;
  sessions: Sessions;
  accessTokens: AccessTokens;
  signIn: SignIn;
  /** Told whose sessions or tokens do not hold any more. */
  revoked: (userId: string) => void;
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
   * The owner of an account gives it another password, in one of its sessions: all others end.
   *
   * @throws PublicError 400 `password_weak`, 403 `password_wrong`, 429 `rate_limited`, 503 `temporarily_unavailable`
   */
  async changePassword(
    account: { id: string; name: string },
    passwords: { current: string; password: string },
    session: { id: string; address: string },
  ): Promise<void> {
    checkNewPassword(passwords.password, account.name);
    await this.#options.signIn.confirm(account, passwords.current, session.address);
    const passwordHash = await this.#options.passwords.hash(passwords.password, {
      account: accountNameKey(account.name),
      address: session.address,
    });
    await this.#table.change(account.id, { passwordHash });
    await this.#options.sessions.endAll(account.id, session.id);
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
    const { clock, passwords, sessions, accessTokens, revoked } = this.#options;
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
    if (password !== undefined || disabled) await sessions.endAll(id);
    if (password !== undefined) await accessTokens.deleteAll(id);
    revoked(id);
    return changed;
  }
}
