import { PublicError, type Sql } from '../../platform/index.js';
import { accountNameKey } from '../identity/account-name.js';
import { type Account, AccountTable } from '../identity/account-table.js';
import type { PasswordRequest } from '../identity/password-queue.js';
import type { Passwords } from '../identity/passwords.js';
import type { Browser, OpenSession, Sessions } from './sessions.js';
import type { SignInThrottle } from './sign-in-throttle.js';

export type SignedIn = { account: Account; session: OpenSession };

export type SignInOptions = { sql: Sql; passwords: Passwords; sessions: Sessions; throttle: SignInThrottle };

/** Opens sessions by name and password. */
export class SignIn {
  readonly #accounts: AccountTable;
  readonly #passwords: Passwords;
  readonly #sessions: Sessions;
  readonly #throttle: SignInThrottle;

  constructor({ sql, passwords, sessions, throttle }: SignInOptions) {
    this.#accounts = new AccountTable(sql);
    this.#passwords = passwords;
    this.#sessions = sessions;
    this.#throttle = throttle;
  }

  /**
   * Opens a session. Takes the same time for an unknown name as for a wrong password.
   *
   * @throws PublicError 401 `sign_in_failed`, 403 `account_disabled`, 429 `rate_limited`, 503
   * `temporarily_unavailable`
   */
  async open(credentials: { name: string; password: string }, browser: Browser): Promise<SignedIn> {
    const nameKey = accountNameKey(credentials.name);
    const request = { account: nameKey, address: browser.address };
    const right = await this.#guarded(request, async () => {
      const found = await this.#accounts.findByNameKey(nameKey);
      const verified = await this.#passwords.verify(found?.passwordHash, credentials.password, request);
      return verified ? found : undefined;
    });
    if (!right) throw new PublicError(401, 'sign_in_failed', 'The name or the password is wrong.');
    const { passwordHash: _, ...account } = right;
    if (account.disabledAt)
      throw new PublicError(403, 'account_disabled', 'This account is disabled: ask an administrator.');
    return { account, session: await this.#sessions.open(account.id, browser) };
  }

  /**
   * Verifies the password of a signed-in account again.
   *
   * @throws PublicError 403 `password_wrong`, 429 `rate_limited`, 503 `temporarily_unavailable`
   */
  async confirm(account: { id: string; name: string }, password: string, address: string): Promise<void> {
    const request = { account: accountNameKey(account.name), address };
    const right = await this.#guarded(request, async () => {
      const stored = await this.#accounts.passwordHash(account.id);
      return (await this.#passwords.verify(stored, password, request)) || undefined;
    });
    if (!right) throw new PublicError(403, 'password_wrong', 'The current password is wrong.');
  }

  /** Counts a password check as correct or wrong; a check that failed is not counted. */
  async #guarded<T>(request: PasswordRequest, check: () => Promise<T | undefined>): Promise<T | undefined> {
    const attempt = await this.#throttle.attempt(request.account, request.address);
    try {
      const right = await check();
      if (right !== undefined) attempt.succeeded();
      return right;
    } catch (error) {
      attempt.withdrawn();
      throw error;
    }
  }
}
