import { createLocalJWKSet, errors, type JWTVerifyGetKey } from 'jose';
import { type Clock, type Logger, messageOf, PublicError } from '../../platform/index.js';

/** Keys older than this are renewed while they go on being used, in ms. */
const FRESH_MS = 600_000;
/** So long they are used when the host can't be reached. */
const USABLE_MS = 86_400_000;
/** An unknown key has the set read again so often: strangers can make up as many as they like. */
const UNKNOWN_KEY_MS = 30_000;
/** After a failure the host is left alone so long. */
const FAILURE_MS = 5_000;
const FETCH_WITHIN_MS = 5_000;
/** Bytes. */
const ANSWER_LIMIT = 256 * 1024;

export type KeySetOptions = { url: string; clock: Clock; log: Logger };

/** The public keys of a host platform, read from its address (a JWK Set, RFC 7517 section 5) and kept. */
export class KeySet {
  readonly #options: KeySetOptions;
  readonly #life = new AbortController();
  #keys: JWTVerifyGetKey | undefined;
  /** Both on the monotonic clock. */
  #readAt = Number.NEGATIVE_INFINITY;
  #failedAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(options: KeySetOptions) {
    this.#options = options;
  }

  /**
   * The key of a token's header.
   *
   * @throws JOSEError when there is none that fits
   * @throws PublicError 503 `identity_unavailable` when the keys can't be read
   */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    const age = this.#now() - this.#readAt;
    if (!this.#keys || age > USABLE_MS) await this.#read();
    else if (age > FRESH_MS) this.#read().catch(() => {}); // it is logged, and the old ones still do
    const keys = this.#keys;
    if (!keys) throw unavailable();
    try {
      return await keys(header, token);
    } catch (error) {
      const mayBeNew = error instanceof errors.JWKSNoMatchingKey;
      if (!mayBeNew || (!this.#reading && this.#now() - this.#readAt < UNKNOWN_KEY_MS)) throw error;
    }
    await this.#read();
    return (this.#keys ?? keys)(header, token);
  };

  /** Reads the keys ahead of the first who needs them. Never rejects. */
  async warm(): Promise<void> {
    await this.#read().catch(() => {});
  }

  close(): void {
    this.#life.abort();
  }

  /** One at a time, and none soon after a failure. */
  #read(): Promise<void> {
    if (this.#reading) return this.#reading;
    if (this.#now() - this.#failedAt < FAILURE_MS) return Promise.reject(unavailable());
    this.#reading = this.#fetch().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #fetch(): Promise<void> {
    const { url, clock, log } = this.#options;
    const patience = new AbortController();
    const cancel = clock.after(FETCH_WITHIN_MS, () => patience.abort());
    try {
      const signal = AbortSignal.any([patience.signal, this.#life.signal]);
      const answer = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } });
      if (!answer.ok) throw new Error(`the answer was ${answer.status}`);
      this.#keys = createLocalJWKSet(JSON.parse(await bodyOf(answer)));
      this.#readAt = this.#now();
      this.#failedAt = Number.NEGATIVE_INFINITY;
    } catch (error) {
      this.#failedAt = this.#now();
      log.error({ err: error }, `the keys at AUTH_JWKS_URL could not be read: ${messageOf(error)}`);
      throw unavailable();
    } finally {
      cancel();
    }
  }

  #now(): number {
    return this.#options.clock.monotonic();
  }
}

async function bodyOf(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    size += chunk.byteLength;
    if (size > ANSWER_LIMIT) throw new Error(`the answer is larger than ${ANSWER_LIMIT} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function unavailable(): PublicError {
  return new PublicError(
    503,
    'identity_unavailable',
    'Tokens cannot be checked right now, as the keys of the platform cannot be read: try again in a moment.',
  );
}
