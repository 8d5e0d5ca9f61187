import { errors, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions, jwtVerify } from 'jose';
import { type Clock, type Logger, PublicError } from '../../platform/index.js';
import type { Principal, Role } from '../identity/principal.js';
import { KeySet } from './key-set.js';

/** Tolerated clock difference between host platform and gateway, in s. */
const CLOCK_TOLERANCE_S = 30;
/**
 * RFC 7518 section 3.1 and RFC 8037: asymmetric algorithms. Shared secrets use HS256 only, so that a public key
 * cannot be used as an HMAC secret.
 */
const PUBLIC_KEY_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const SECRET_ALGORITHMS = ['HS256'];
/** Single-line user ids, as in the API. */
const USER_ID = /^(?=.*[^\s\p{C}])\P{Cc}{1,200}$/u;
const NAME_LENGTH = 64;
/** Highest role first. */
const ROLES: Role[] = ['admin', 'broadcaster', 'viewer'];

export type JsonWebTokenOptions = {
  /** URL of a JWK Set, or a shared secret. */
  keys: { url: string } | { secret: string };
  issuer: string;
  audience: string;
  /** Claim that holds one role name or several; `a.b` also means claim b in claim a. */
  rolesClaim: string;
  /** Claim that holds the display name. */
  nameClaim: string;
};

/** Verifies JSON Web Tokens of a host platform (RFC 7519; checks of RFC 8725). */
export class JsonWebTokens {
  readonly #options: JsonWebTokenOptions;
  readonly #clock: Clock;
  readonly #keySet: KeySet | undefined;
  readonly #key: JWTVerifyGetKey;
  readonly #algorithms: string[];

  constructor(options: JsonWebTokenOptions, { clock, log }: { clock: Clock; log: Logger }) {
    this.#options = options;
    this.#clock = clock;
    if ('url' in options.keys) {
      const keySet = new KeySet({ url: options.keys.url, clock, log });
      this.#keySet = keySet;
      this.#key = keySet.findKey;
      this.#algorithms = PUBLIC_KEY_ALGORITHMS;
    } else {
      const secret = new TextEncoder().encode(options.keys.secret);
      this.#key = async () => secret;
      this.#algorithms = SECRET_ALGORITHMS;
    }
  }

  start(): void {
    void this.#keySet?.warm();
  }

  close(): void {
    this.#keySet?.close();
  }

  /**
   * Verifies a token and returns its principal.
   *
   * @throws PublicError 401 `jwt_expired`, `jwt_invalid`; 503 `identity_unavailable`
   */
  async principal(token: string): Promise<Principal> {
    const claims = await this.#verify(token).catch((error: unknown) => {
      if (error instanceof errors.JWTExpired)
        throw new PublicError(401, 'jwt_expired', 'The token has expired: get a new one.');
      if (error instanceof errors.JOSEError) throw invalid(error.message);
      throw error;
    });
    const { sub, exp = 0 } = claims;
    if (typeof sub !== 'string' || !USER_ID.test(sub)) throw invalid('"sub" is not a user id');
    return {
      kind: 'account',
      userId: sub,
      name: nameIn(claims, this.#options.nameClaim) ?? sub,
      role: highestRole(claims, this.#options.rolesClaim),
      via: 'jwt',
      expiresAt: (exp + CLOCK_TOLERANCE_S) * 1_000,
    };
  }

  async #verify(token: string): Promise<JWTPayload> {
    const { issuer, audience } = this.#options;
    const options: JWTVerifyOptions = {
      algorithms: this.#algorithms,
      issuer,
      audience,
      clockTolerance: CLOCK_TOLERANCE_S,
      currentDate: new Date(this.#clock.now()),
      // A token without expiry would stay valid for ever when leaked.
      requiredClaims: ['sub', 'exp'],
    };
    try {
      return (await jwtVerify(token, this.#key, options)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
      // Without a key id, all keys of the set that fit are tried.
      for await (const key of error) {
        try {
          return (await jwtVerify(token, key, options)).payload;
        } catch (failed) {
          if (!(failed instanceof errors.JWSSignatureVerificationFailed)) throw failed;
        }
      }
      throw new errors.JWSSignatureVerificationFailed();
    }
  }
}

function claimIn(claims: JWTPayload, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  return name.split('.').reduce<unknown>((value, part) => {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    return (value as Record<string, unknown>)[part];
  }, claims);
}

/** Returns the highest role of the claim; `viewer` when it has none. */
function highestRole(claims: JWTPayload, claim: string): Role {
  const named = [claimIn(claims, claim)].flat();
  return ROLES.find((role) => named.includes(role)) ?? 'viewer';
}

function nameIn(claims: JWTPayload, claim: string): string | undefined {
  const text = claimIn(claims, claim);
  if (typeof text !== 'string') return undefined;
  const line = text.normalize('NFC').replace(/\p{C}/gu, '').replace(/\s+/gu, ' ').trim();
  return [...line].slice(0, NAME_LENGTH).join('') || undefined;
}

function invalid(reason: string): PublicError {
  return new PublicError(401, 'jwt_invalid', `The token is invalid: ${reason}. Get a new one.`);
}
