import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import path from 'node:path';
import { loadSecretFile } from '../../platform/index.js';

const FILE_NAME = 'operator-token';

export type OperatorTokenOptions = {
  /** Token chosen by the operator; it is not stored. */
  configured?: string | undefined;
  /** Folder of the file `operator-token`, which holds a generated token, readable by its owner only. */
  dataDir: string;
};

/** Secret with which a program acts as the operator. */
export class OperatorToken {
  readonly #digest: Buffer;

  constructor(token: string) {
    this.#digest = digest(token);
  }

  /** Compares in constant time. */
  verify(candidate: string): boolean {
    return timingSafeEqual(digest(candidate), this.#digest);
  }

  /** Returns a UUID that identifies the token and reveals nothing of it without the key. */
  fingerprint(key: Buffer): string {
    const hex = createHmac('sha256', key).update(this.#digest).digest('hex');
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/**
 * Uses the configured token, else the stored one, else generates one. The caller must hold the lock of the data
 * folder.
 *
 * @throws HeadendError `operator_token_invalid` when the stored token is damaged
 */
export async function loadOperatorToken(options: OperatorTokenOptions): Promise<OperatorToken> {
  if (options.configured !== undefined) return new OperatorToken(options.configured);
  const file = path.join(options.dataDir, FILE_NAME);
  const { secret } = await loadSecretFile(file, 'operator_token_invalid');
  return new OperatorToken(secret);
}
