import type { Test } from 'tap';
import type { Authentication, Role } from '../../src/accounts/index.js';
import { type Account, type AuthenticationOptions, createAuthentication } from '../../src/accounts/index.js';
import type { Sql } from '../../src/platform/index.js';
import { testDatabase } from './database.js';
import { FakeClock } from './fake-clock.js';
import { recordLog } from './log-record.js';

export const OPERATOR_TOKEN = 'the-operator-of-the-test';
export const PUBLIC_ORIGIN = 'https://live.example.test';
export const PASSWORD = 'correct horse battery';

export type AccountsStage = {
  sql: Sql;
  clock: FakeClock;
  authentication: Authentication;
  /** Every line that was logged. */
  logged(): string;
  /** An account with the password `PASSWORD`. */
  account(name: string, role?: Role): Promise<Account>;
  /** The headers of a page in which an account is signed in, for what changes something. */
  page(account: Account): Promise<{ cookie: string; 'x-csrf-token': string; origin: string }>;
  /** The header of a program that has an access token of an account. */
  program(account: Account): Promise<{ authorization: string }>;
};

export const operator = { authorization: `Bearer ${OPERATOR_TOKEN}` };

/** Accounts on a database of their own, with a clock that the test moves. */
export async function openAccounts(
  t: Test,
  over: Partial<AuthenticationOptions> = {},
): Promise<AccountsStage> {
  const { sql } = await testDatabase(t);
  const clock = new FakeClock();
  const { log, lines } = recordLog();
  const authentication = createAuthentication({
    sql,
    clock,
    log,
    operatorToken: { verify: (candidate) => candidate === OPERATOR_TOKEN },
    publicOrigin: () => PUBLIC_ORIGIN,
    registration: 'invitation',
    defaultRole: 'viewer',
    ...over,
  });
  t.teardown(() => authentication.close());
  return {
    sql,
    clock,
    authentication,
    logged: () => JSON.stringify(lines()),
    account: (name, role = 'viewer') =>
      authentication.registration.register(
        { name, password: PASSWORD, role },
        { kind: 'operator' },
        '127.0.0.1',
      ),
    async page(account) {
      const { secret, csrfToken } = await authentication.sessions.open(account.id, { address: '127.0.0.1' });
      return { cookie: `headend_session=${secret}`, 'x-csrf-token': csrfToken, origin: PUBLIC_ORIGIN };
    },
    async program(account) {
      const { secret } = await authentication.accessTokens.create(account.id, {
        label: 'test',
        expiresAt: null,
      });
      return { authorization: `Bearer ${secret}` };
    },
  };
}
