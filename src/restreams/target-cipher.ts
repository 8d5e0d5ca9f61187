import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { TargetSecret } from './restream-target.js';

/** AES-256-GCM with a random nonce (NIST SP 800-38D): version, nonce, tag, ciphertext. */
const ALGORITHM = 'aes-256-gcm';
const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + NONCE_BYTES + TAG_BYTES;

/** Encrypts the secrets of targets. */
export class TargetCipher {
  readonly #key: Buffer;

  /** @param key 32 bytes */
  constructor(key: Buffer) {
    this.#key = key;
  }

  /** @param targetId authenticated too, so that a ciphertext of another row is refused */
  seal(targetId: string, secret: TargetSecret): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(targetId));
    const text = Buffer.concat([cipher.update(JSON.stringify(secret), 'utf8'), cipher.final()]);
    return Buffer.concat([Buffer.from([VERSION]), nonce, cipher.getAuthTag(), text]);
  }

  /** @returns undefined if it was encrypted with another key or for another target */
  open(targetId: string, sealed: Buffer): TargetSecret | undefined {
    if (sealed.length < HEAD_BYTES || sealed[0] !== VERSION) return undefined;
    const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
    const decipher = createDecipheriv(ALGORITHM, this.#key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(targetId));
    decipher.setAuthTag(sealed.subarray(1 + NONCE_BYTES, HEAD_BYTES));
    try {
      const text = Buffer.concat([decipher.update(sealed.subarray(HEAD_BYTES)), decipher.final()]);
      return JSON.parse(text.toString('utf8')) as TargetSecret;
    } catch {
      return undefined;
    }
  }
}
