import { createLocalJWKSet, errors, type JWTVerifyGetKey } from 'jose';
import { type Clock, type Logger, messageOf, PublicError } from '../../platform/index.js';

/** Age in ms after which keys are refreshed in the background. */
const REFRESH_MS = 600_000;
/** Age in ms up to which keys are used while the host is unreachable. */
const MAXIMUM_STALE_MS = 86_400_000;
/** Interval in ms between reads because of unknown key ids, which clients can invent. */
const UNKNOWN_KEY_INTERVAL_MS = 30_000;
/** Delay in ms after a failed read. */
const RETRY_INTERVAL_MS = 5_000;
const FETCH_WITHIN_MS = 5_000;
const MAXIMUM_RESPONSE_BYTES = 256 * 1024;

export type KeySetOptions = { url: string; clock: Clock; log: Logger };

/** Public keys of a host platform: a JWK Set (RFC 7517 section 5), read by URL and cached. */
export class KeySet {
  readonly #options: KeySetOptions;
  readonly #life = new AbortController();
  #keys: JWTVerifyGetKey | undefined;
  /** Monotonic, in ms. */
  #readAtMs = Number.NEGATIVE_INFINITY;
  #failedAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(options: KeySetOptions) {
    this.#options = options;
  }

  /**
   * Finds the key for a token's header.
   *
   * @throws JOSEError when no key fits
   * @throws PublicError 503 `identity_unavailable` when the keys cannot be read
   */
  readonly findKey: JWTVerifyGetKey = async (header, token) => {
    const ageMs = this.#now() - this.#readAtMs;
    if (!this.#keys || ageMs > MAXIMUM_STALE_MS) await this.#read();
    else if (ageMs > REFRESH_MS) this.#read().catch(() => {}); // A failed refresh is logged; the old keys remain in use.
    const keys = this.#keys;
    if (!keys) throw unavailable();
    try {
      return await keys(header, token);
    } catch (error) {
      const mayBeNew = error instanceof errors.JWKSNoMatchingKey;
      if (!mayBeNew || (!this.#reading && this.#now() - this.#readAtMs < UNKNOWN_KEY_INTERVAL_MS))
        throw error;
    }
    await this.#read();
    return (this.#keys ?? keys)(header, token);
  };

  /** Reads the keys ahead of the first request. Never rejects. */
  async warm(): Promise<void> {
    await this.#read().catch(() => {});
  }

  close(): void {
    this.#life.abort();
  }

  /** Reads once for concurrent callers, and not within the delay after a failure. */
  #read(): Promise<void> {
    if (this.#reading) return this.#reading;
    if (this.#now() - this.#failedAt < RETRY_INTERVAL_MS) return Promise.reject(unavailable());
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
      this.#readAtMs = this.#now();
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
  let sizeBytes = 0;
  for await (const chunk of answer.body ?? []) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > MAXIMUM_RESPONSE_BYTES)
      throw new Error(`the answer is larger than ${MAXIMUM_RESPONSE_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function unavailable(): PublicError {
  return new PublicError(
    503,
    'identity_unavailable',
    'Tokens cannot be verified, as the keys of the platform cannot be read: try again in a moment.',
  );
}
