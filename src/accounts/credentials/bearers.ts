import { type Clock, networkBlock, PublicError, RateLimit } from '../../platform/index.js';
import type { Principal } from '../identity/principal.js';
import type { AccessTokens } from './access-tokens.js';
import type { JsonWebTokens } from './json-web-tokens.js';
import { SECRET_PREFIX } from './secret.js';

/** RFC 6750 section 2.1: `b64token`. */
const BEARER = /^Bearer +([A-Za-z0-9\-._~+/]+=*) *$/i;
/** RFC 7519 section 3.1: base64url of a JSON object, then further parts. */
const JSON_WEB_TOKEN = /^eyJ[\w-]*\.[\w-]*\./;

/**
 * Limits of invalid tokens per address. Operator tokens may be chosen by people and can be guessed, so their limit is
 * strict. Other tokens cannot be guessed, and a program with an invalid token must not lock out others at its
 * address.
 */
const FAILURE_LIMITS = {
  operator: { capacity: 10, refillMs: 6_000 },
  accessToken: { capacity: 30, refillMs: 2_000 },
  jwt: { capacity: 100, refillMs: 1_000 },
};
type Form = keyof typeof FAILURE_LIMITS;

export type BearersOptions = {
  clock: Clock;
  /** Compares in constant time. */
  isOperator: (token: string) => boolean;
  accessTokens: Pick<AccessTokens, 'owner'>;
  /** Undefined: JSON Web Tokens of a host platform are refused. */
  jsonWebTokens?: Pick<JsonWebTokens, 'principal'> | undefined;
};

/**
 * Identifies bearer tokens (RFC 6750): operator token, personal access token, or JSON Web Token of a host platform.
 */
export class Bearers {
  readonly #options: BearersOptions;
  readonly #failures: Record<Form, RateLimit>;

  constructor(options: BearersOptions) {
    this.#options = options;
    const { clock } = options;
    this.#failures = {
      operator: new RateLimit(clock, FAILURE_LIMITS.operator),
      accessToken: new RateLimit(clock, FAILURE_LIMITS.accessToken),
      jwt: new RateLimit(clock, FAILURE_LIMITS.jwt),
    };
  }

  /**
   * Identifies a token. An address above the limit is refused whatever token of that form it sends, so that guesses
   * are not answered.
   *
   * @throws PublicError 401 `unauthorized`, `access_token_invalid`, `jwt_invalid`, `jwt_expired`, `jwt_not_accepted`;
   * 429 `rate_limited`; 503 `identity_unavailable`
   */
  async principal(authorization: string, address: string): Promise<Principal> {
    const token = BEARER.exec(authorization)?.[1] ?? '';
    const form = formOf(token);
    const failures = this.#failures[form];
    const network = networkBlock(address);
    const waitMs = failures.waitMs(network);
    if (waitMs > 0)
      throw new PublicError(
        429,
        'rate_limited',
        'Too many invalid tokens from your address: wait and try again.',
        { retryAfter: Math.ceil(waitMs / 1_000) },
      );
    try {
      return await this.#check(form, token);
    } catch (error) {
      // Expired tokens are not guesses.
      if (error instanceof PublicError && error.status === 401 && error.code !== 'jwt_expired')
        failures.take(network);
      throw error;
    }
  }

  async #check(form: Form, token: string): Promise<Principal> {
    const { isOperator, accessTokens, jsonWebTokens } = this.#options;
    if (token !== '' && isOperator(token)) return { kind: 'operator' };
    if (form === 'operator')
      throw new PublicError(401, 'unauthorized', 'This token is unknown: check it, or create a new one.');
    if (form === 'jwt') {
      if (jsonWebTokens) return jsonWebTokens.principal(token);
      throw new PublicError(
        401,
        'jwt_not_accepted',
        'This gateway accepts no JSON Web Tokens: use an access token.',
      );
    }
    const owner = await accessTokens.owner(token);
    if (!owner)
      throw new PublicError(
        401,
        'access_token_invalid',
        'This access token is unknown or has expired: create a new one.',
      );
    const { accountId, tokenId, name, role, expiresAt } = owner;
    return {
      kind: 'account',
      userId: accountId,
      name,
      role,
      via: 'token',
      credentialId: tokenId,
      ...(expiresAt === null ? {} : { expiresAt: expiresAt.getTime() }),
    };
  }
}

function formOf(token: string): Form {
  if (token.startsWith(SECRET_PREFIX.accessToken)) return 'accessToken';
  return JSON_WEB_TOKEN.test(token) ? 'jwt' : 'operator';
}
