import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { HeadendError } from '../platform/index.js';

const FILE_NAME = 'operator-token';
const TOKEN_BYTES = 32;
const MINIMUM_LENGTH = 16;

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
  const stored = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new HeadendError('operator_token_invalid', `${file} can't be read.`, { cause: error });
  });
  if (stored !== undefined) {
    if (stored.trim().length < MINIMUM_LENGTH)
      throw new HeadendError(
        'operator_token_invalid',
        `${file} holds no token: remove it to have a new one made.`,
      );
    await chmod(file, 0o600).catch(() => {}); // a copy or a backup may have opened it up
    return new OperatorToken(stored.trim(), false);
  }
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  // Written aside, so that a crash leaves a whole file or none.
  await writeFile(`${file}.new`, `${token}\n`, { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
  return new OperatorToken(token, true);
}
