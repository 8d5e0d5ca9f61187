import { hash, verify } from '@node-rs/argon2';
import { PublicError } from '../../platform/index.js';
import { PasswordQueue, type PasswordQueueLimits, type PasswordRequest } from './password-queue.js';

/** OWASP Password Storage Cheat Sheet for argon2id, the library's default: 19 MiB, two iterations, one lane. */
const ARGON2_COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** Hash at the same cost, verified when the account does not exist, so that both take the same time. */
const DUMMY_HASH =
  '$argon2id$v=19$m=19456,t=2,p=1$iACokwfFYR7zzgFQ5jvuzw$8JmMXpiJSLZYzLTPaFSRe+DgGk2VsUhy9KJbzwLqU0Y';

/** Hashes passwords (argon2id) through a fair, bounded queue. */
export class Passwords {
  readonly #queue: PasswordQueue;

  constructor(limits: Partial<PasswordQueueLimits> = {}) {
    this.#queue = new PasswordQueue(limits);
  }

  /**
   * @returns a PHC string.
   * @throws PublicError 429 `rate_limited`, 503 `temporarily_unavailable` when too many wait already
   */
  hash(password: string, request: PasswordRequest): Promise<string> {
    return this.#queue.run(request, () => hash(prepare(password), ARGON2_COST));
  }

  /**
   * Verifies a password. Returns false after the same time when there is no stored hash.
   *
   * @throws PublicError 429 `rate_limited`, 503 `temporarily_unavailable` when too many wait already
   */
  async verify(stored: string | undefined, password: string, request: PasswordRequest): Promise<boolean> {
    const right = await this.#queue.run(request, () => verify(stored ?? DUMMY_HASH, prepare(password)));
    return right && stored !== undefined;
  }
}

/**
 * Refuses weak passwords; length limits are in the API's schema.
 *
 * @throws PublicError 400 `password_weak`
 */
export function checkNewPassword(password: string, name: string): void {
  const text = prepare(password).toLowerCase();
  const telling = new Set(text).size < 4 || text === name.normalize('NFKC').toLowerCase();
  if (telling)
    throw new PublicError(400, 'password_weak', 'This password is easily guessed: choose another one.');
}

/** RFC 8265 section 4.2.2 (OpaqueString): the same password from every keyboard is the same bytes. */
function prepare(password: string): string {
  return password.replace(/\p{Zs}/gu, ' ').normalize('NFC');
}
