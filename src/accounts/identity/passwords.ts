import { hash, verify } from '@node-rs/argon2';
import { PublicError } from '../../platform/index.js';
import { PasswordQueue, type PasswordQueueLimits, type PasswordRequest } from './password-queue.js';

/** OWASP's Password Storage Cheat Sheet for argon2id, the library's default algorithm: 19 MiB, two passes, one lane. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** Of a password that nobody knows, at the same cost: looking it up takes as long as looking up a real one. */
const NOBODYS =
  '$argon2id$v=19$m=19456,t=2,p=1$iACokwfFYR7zzgFQ5jvuzw$8JmMXpiJSLZYzLTPaFSRe+DgGk2VsUhy9KJbzwLqU0Y';

/** Hashes passwords (argon2id), a few at a time, in turns that are fair to accounts and addresses. */
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
    return this.#queue.run(request, () => hash(prepare(password), COST));
  }

  /**
   * Whether a password is the one of a hash; false after the same time where there is no hash, because there is no such
   * account.
   *
   * @throws PublicError 429 `rate_limited`, 503 `temporarily_unavailable` when too many wait already
   */
  async verify(stored: string | undefined, password: string, request: PasswordRequest): Promise<boolean> {
    const right = await this.#queue.run(request, () => verify(stored ?? NOBODYS, prepare(password)));
    return right && stored !== undefined;
  }
}

/**
 * Refuses a new password that is one in name only; how long it may be the API's contract says.
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
