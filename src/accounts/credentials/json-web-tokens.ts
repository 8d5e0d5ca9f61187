import { errors, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions, jwtVerify } from 'jose';
import { type Clock, type Logger, PublicError } from '../../platform/index.js';
import type { Principal, Role } from '../identity/principal.js';
import { KeySet } from './key-set.js';

/** Clocks of host and gateway may differ so much, in seconds. */
const CLOCK_TOLERANCE_S = 30;
/** RFC 7518 section 3.1 and RFC 8037: those with a public key. A secret has one alone, so that no public key passes for it. */
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
/** User ids as the API takes them: a line of text. */
const USER_ID = /^(?=.*[^\s\p{C}])\P{Cc}{1,200}$/u;
const NAME_LENGTH = 64;
/** The mightiest first. */
const ROLES: Role[] = ['admin', 'broadcaster', 'viewer'];

export type JsonWebTokenOptions = {
  /** Where the public keys are (a JWK Set), or the secret that both sides know. */
  keys: { url: string } | { secret: string };
  issuer: string;
  audience: string;
  /** The claim that says what a user may do: a role or several, by name; `a.b` is also claim b in claim a. */
  rolesClaim: string;
  /** The claim that says how others see a user. */
  nameClaim: string;
};

/** Checks tokens of a host platform (RFC 7519, as RFC 8725 advises). */
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
      this.#key = keySet.find;
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

  /** Whom a token names. @throws PublicError 401 `jwt_expired`, `jwt_invalid`; 503 `identity_unavailable` */
  async principal(token: string): Promise<Principal> {
    const claims = await this.#verify(token).catch((error: unknown) => {
      if (error instanceof errors.JWTExpired)
        throw new PublicError(401, 'jwt_expired', 'The token has expired: get a new one.');
      if (error instanceof errors.JOSEError) throw invalid(error.message);
      throw error;
    });
    const { sub, exp = 0 } = claims;
    if (typeof sub !== 'string' || !USER_ID.test(sub)) throw invalid('"sub" is no user id');
    return {
      kind: 'account',
      userId: sub,
      name: nameIn(claims, this.#options.nameClaim) ?? sub,
      role: roleIn(claims, this.#options.rolesClaim),
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
      // Without an end a token that got lost would hold for ever.
      requiredClaims: ['sub', 'exp'],
    };
    try {
      return (await jwtVerify(token, this.#key, options)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
      // The token does not say which of the host's keys it is signed with.
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

/** The mightiest role that the claim names; who has none may watch and chat. */
function roleIn(claims: JWTPayload, claim: string): Role {
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
  return new PublicError(401, 'jwt_invalid', `The token does not hold: ${reason}.`);
}
