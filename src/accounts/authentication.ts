import { type Clock, type Logger, newId, PublicError, type Sql } from '../platform/index.js';
import { AccessTokens } from './credentials/access-tokens.js';
import { Bearers } from './credentials/bearers.js';
import { type JsonWebTokenOptions, JsonWebTokens } from './credentials/json-web-tokens.js';
import { isCsrfToken, sessionSecretIn } from './credentials/session-cookie.js';
import { Sessions } from './credentials/sessions.js';
import { SignIn } from './credentials/sign-in.js';
import { SignInThrottle } from './credentials/sign-in-throttle.js';
import type { AccessChange } from './identity/access-change.js';
import { AccountDeletion } from './identity/account-deletion.js';
import { Accounts } from './identity/accounts.js';
import { Follows } from './identity/follows.js';
import { Identities } from './identity/identities.js';
import { Passwords } from './identity/passwords.js';
import { ANONYMOUS, type Authenticate, type Credentials, type Principal } from './identity/principal.js';
import { Invitations } from './registration/invitations.js';
import { Registration, type RegistrationPolicy } from './registration/registration.js';

const CLEAN_MS = 3_600_000;
/** What is over is shown and known so long, in ms. */
const KEEP_MS = 30 * 86_400_000;
/** RFC 9110 section 9.2.1: these change nothing. Sockets open with GET. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

export type AuthenticationOptions = {
  sql: Sql;
  clock: Clock;
  log: Logger;
  operatorToken: { verify(candidate: string): boolean };
  /** UUID: differs with every operator token. Another one at every start by default. */
  operatorId?: string;
  /** A host platform whose tokens are taken. */
  jwt?: JsonWebTokenOptions | undefined;
  /** The origin that pages of ours come from; those of the host that was asked are ours as well. */
  publicOrigin: () => string;
  registration: RegistrationPolicy;
  /** What accounts may do that were made without an invitation. */
  defaultRole: 'viewer' | 'broadcaster';
};

/** Everything that has to do with who somebody is. */
export type Authentication = {
  authenticate: Authenticate;
  /** Whether a request comes from a page of ours, or from no page: what changes something by cookie must. */
  isOwnOrigin(request: Pick<Credentials, 'origin' | 'host'>): boolean;
  accounts: Accounts;
  registration: Registration;
  registrationPolicy: RegistrationPolicy;
  signIn: SignIn;
  sessions: Sessions;
  accessTokens: AccessTokens;
  invitations: Invitations;
  follows: Follows;
  /** Deletes accounts; who has something of theirs must join, and start it then. */
  accountDeletion: AccountDeletion;
  /** Looks up what those may do now who were let in before. */
  identities: Identities;
  /** Tells of every change of permissions once it is stored; listeners must not throw. */
  onAccessChange(listener: (change: AccessChange) => void): void;
  /** Begins to forget what is over. */
  start(): void;
  close(): Promise<void>;
};

export function createAuthentication(options: AuthenticationOptions): Authentication {
  const { sql, clock, log, operatorToken, publicOrigin } = options;
  const listeners: ((change: AccessChange) => void)[] = [];
  const identities = new Identities({ sql, clock, operatorId: options.operatorId ?? newId() });
  const changed = (change: AccessChange): void => {
    identities.forget();
    for (const listener of listeners) listener(change);
  };
  const passwords = new Passwords();
  const sessions = new Sessions({ sql, clock, changed });
  const accessTokens = new AccessTokens({ sql, clock, changed });
  const invitations = new Invitations({ sql, clock });
  const throttle = new SignInThrottle({
    clock,
    knowsNetwork: (nameKey, network) => sessions.knowsNetwork(nameKey, network),
  });
  const signIn = new SignIn({ sql, passwords, sessions, throttle });
  const jsonWebTokens = options.jwt && new JsonWebTokens(options.jwt, { clock, log });
  const bearers = new Bearers({
    clock,
    isOperator: (token) => operatorToken.verify(token),
    accessTokens,
    jsonWebTokens,
  });
  const accountDeletion = new AccountDeletion({ sql, clock, log, sessions, accessTokens, changed });
  const isOwnOrigin = ({ origin, host }: Pick<Credentials, 'origin' | 'host'>): boolean =>
    origin === undefined || origin === publicOrigin() || isOriginOf(origin, host);

  const life = new AbortController();
  let cleaning: Promise<unknown> = Promise.resolve();
  const clean = (): void => {
    const before = new Date(clock.now() - KEEP_MS);
    cleaning = Promise.all([
      sessions.clean(before),
      accessTokens.clean(before),
      invitations.clean(before),
    ]).catch((error: unknown) => log.warn({ err: error }, 'what is over could not be forgotten'));
  };

  return {
    async authenticate(credentials) {
      const { authorization, cookie, address } = credentials;
      if (authorization !== undefined) return bearers.principal(authorization, address);
      const secret = sessionSecretIn(cookie);
      return secret === undefined ? ANONYMOUS : ofSession(secret, credentials);
    },
    isOwnOrigin,
    accounts: new Accounts({ sql, clock, passwords, sessions, accessTokens, signIn, changed }),
    registration: new Registration({
      sql,
      clock,
      passwords,
      invitations,
      policy: options.registration,
      defaultRole: options.defaultRole,
    }),
    registrationPolicy: options.registration,
    signIn,
    sessions,
    accessTokens,
    invitations,
    follows: new Follows({ sql, clock }),
    accountDeletion,
    identities,
    onAccessChange: (listener) => void listeners.push(listener),
    start() {
      jsonWebTokens?.start();
      clean();
      clock.every(CLEAN_MS, clean, life.signal);
    },
    async close() {
      life.abort();
      jsonWebTokens?.close();
      await accountDeletion.close();
      await cleaning;
    },
  };

  async function ofSession(secret: string, credentials: Credentials): Promise<Principal> {
    const safe = SAFE.has(credentials.method);
    // The page of a sibling site, whose sockets carry our cookie though it does not mean to show it.
    if (safe && !isOwnOrigin(credentials)) return ANONYMOUS;
    const owner = await sessions.owner(secret);
    if (!owner) return ANONYMOUS;
    if (!safe && !isOwnOrigin(credentials))
      throw new PublicError(403, 'csrf_failed', 'This session is for pages of our own.');
    if (!safe && !isCsrfToken(credentials.csrfToken, secret))
      throw new PublicError(
        403,
        'csrf_failed',
        'The header X-CSRF-Token is missing or wrong: /api/auth/me says what it must be.',
      );
    const { accountId, sessionId: credentialId, name, role, expiresAt } = owner;
    const until = expiresAt.getTime();
    return {
      kind: 'account',
      userId: accountId,
      name,
      role,
      via: 'session',
      credentialId,
      expiresAt: until,
    };
  }
}

/** Browsers leave out the port that is usual for the scheme, in both. */
function isOriginOf(origin: string, host: string | undefined): boolean {
  return host !== undefined && URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
}
