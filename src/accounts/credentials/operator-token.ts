import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import path from 'node:path';
import { loadSecretFile } from '../../platform/index.js';

const FILE_NAME = 'operator-token';

export type OperatorTokenOptions = {
  /** The token that the operator chose; nothing is stored then. */
  configured?: string | undefined;
  /** Where a token of our own making is kept, in the file `operator-token`, readable by its owner alone. */
  dataDir: string;
};

/** The secret that lets a program act as the operator. */
export class OperatorToken {
  /** The token, if it was made just now: to be shown this once. */
  readonly created: string | undefined;
  readonly #digest: Buffer;

  constructor(token: string, created: boolean) {
    this.created = created ? token : undefined;
    this.#digest = digest(token);
  }

  /** Whether `candidate` is the token; takes the same time whatever it is. */
  verify(candidate: string): boolean {
    return timingSafeEqual(digest(candidate), this.#digest);
  }

  /** An id that differs with every token, and tells nothing of it to those without the key. UUID. */
  fingerprint(key: Buffer): string {
    const hex = createHmac('sha256', key).update(this.#digest).digest('hex');
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/**
 * Takes the configured token, or the one in the data folder, or makes one. The caller must hold the folder.
 *
 * @throws HeadendError `operator_token_invalid` when the stored one is damaged.
 */
export async function loadOperatorToken(options: OperatorTokenOptions): Promise<OperatorToken> {
  if (options.configured !== undefined) return new OperatorToken(options.configured, false);
  const file = path.join(options.dataDir, FILE_NAME);
  const { secret, created } = await loadSecretFile(file, 'operator_token_invalid');
  return new OperatorToken(secret, created);
}
