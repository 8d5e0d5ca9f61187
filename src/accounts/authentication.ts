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
import { ExportClaims } from './identity/export-claims.js';
import { Follows } from './identity/follows.js';
import { Identities } from './identity/identities.js';
import { Passwords } from './identity/passwords.js';
import { ANONYMOUS, type Authenticate, type Credentials, type Principal } from './identity/principal.js';
import { Invitations } from './registration/invitations.js';
import { Registration, type RegistrationPolicy } from './registration/registration.js';

const CLEANUP_INTERVAL_MS = 3_600_000;
/** Retention of expired sessions, tokens and invitations, in ms. */
const EXPIRED_RETENTION_MS = 30 * 86_400_000;
/** Safe methods (RFC 9110 section 9.2.1). Sockets open with GET. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

export type AuthenticationOptions = {
  sql: Sql;
  clock: Clock;
  log: Logger;
  operatorToken: { verify(candidate: string): boolean };
  /** UUID that differs with every operator token; by default new at every start. */
  operatorId?: string;
  /** Host platform whose JSON Web Tokens are accepted. */
  jwt?: JsonWebTokenOptions | undefined;
  /** Public origin of the pages; the origin of the requested host is accepted as well. */
  publicOrigin: () => string;
  registration: RegistrationPolicy;
  /** Role of accounts registered without an invitation. */
  defaultRole: 'viewer' | 'broadcaster';
};

/** Identification of users: accounts, credentials, registration and changes of permissions. */
export type Authentication = {
  authenticate: Authenticate;
  /**
   * Whether a request comes from a page of this server or from no page; required for changes authorized by cookie.
   */
  isOwnOrigin(request: Pick<Credentials, 'origin' | 'host'>): boolean;
  accounts: Accounts;
  registration: Registration;
  registrationPolicy: RegistrationPolicy;
  signIn: SignIn;
  sessions: Sessions;
  accessTokens: AccessTokens;
  invitations: Invitations;
  follows: Follows;
  /** Deletes accounts; modules with data of accounts add a holder before it is started. */
  accountDeletion: AccountDeletion;
  /** Exports of users' data that are being sent. */
  exportClaims: ExportClaims;
  /** Looks up the current rights of users admitted earlier. */
  identities: Identities;
  /** Reports every change of permissions once it is stored; listeners must not throw. */
  onAccessChange(listener: (change: AccessChange) => void): void;
  /** Starts the periodic deletion of expired records. */
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
    const before = new Date(clock.now() - EXPIRED_RETENTION_MS);
    cleaning = Promise.all([
      sessions.clean(before),
      accessTokens.clean(before),
      invitations.clean(before),
    ]).catch((error: unknown) =>
      log.warn({ err: error }, 'deleting expired sessions, tokens and invitations failed'),
    );
  };

  return {
    async authenticate(credentials) {
      const { authorization, cookie, address } = credentials;
      if (authorization !== undefined) return bearers.principal(authorization, address);
      const secret = sessionSecretIn(cookie);
      return secret === undefined ? ANONYMOUS : sessionPrincipal(secret, credentials);
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
    exportClaims: new ExportClaims(sql),
    identities,
    onAccessChange: (listener) => void listeners.push(listener),
    start() {
      jsonWebTokens?.start();
      clean();
      clock.every(CLEANUP_INTERVAL_MS, clean, life.signal);
    },
    async close() {
      life.abort();
      jsonWebTokens?.close();
      await accountDeletion.close();
      await cleaning;
    },
  };

  async function sessionPrincipal(secret: string, credentials: Credentials): Promise<Principal> {
    const safe = SAFE_METHODS.has(credentials.method);
    // A page of a sibling site: its sockets carry the cookie (SameSite allows it), so it is treated as
    // anonymous.
    if (safe && !isOwnOrigin(credentials)) return ANONYMOUS;
    const owner = await sessions.owner(secret);
    if (!owner) return ANONYMOUS;
    if (!safe && !isOwnOrigin(credentials))
      throw new PublicError(
        403,
        'csrf_failed',
        'The session cookie is valid for pages of this server only: send a token instead (Authorization: Bearer).',
      );
    if (!safe && !isCsrfToken(credentials.csrfToken, secret))
      throw new PublicError(
        403,
        'csrf_failed',
        'The header X-CSRF-Token is missing or wrong: send the csrfToken of GET /api/auth/me.',
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

/** Compares hosts; browsers omit the default port of the scheme in both headers. */
function isOriginOf(origin: string, host: string | undefined): boolean {
  return host !== undefined && URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
}
