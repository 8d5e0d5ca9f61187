import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { HeadendError } from './error.js';

const SECRET_BYTES = 32;
/** Characters; anything shorter is no secret. */
const MINIMUM_LENGTH = 16;

export type SecretFile = {
  /** 32 random bytes in base64url (43 characters) if created here. */
  secret: string;
  /** Whether this call created the file. */
  created: boolean;
};

/**
 * Takes the secret that a file holds, or makes one: readable by its owner alone. The caller must hold the folder.
 *
 * @throws HeadendError `code` when the stored one is damaged or can't be read.
 */
export async function loadSecretFile(file: string, code = 'secret_invalid'): Promise<SecretFile> {
  const stored = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new HeadendError(code, `${file} can't be read.`, { cause: error });
  });
  if (stored !== undefined) {
    const secret = stored.trim();
    if (secret.length < MINIMUM_LENGTH)
      throw new HeadendError(code, `${file} holds no secret: remove it to have a new one made.`);
    await chmod(file, 0o600).catch(() => {}); // a copy or a backup may have opened it up
    return { secret, created: false };
  }
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  // Written aside, so that a crash leaves a whole file or none.
  await writeFile(`${file}.new`, `${secret}\n`, { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
  return { secret, created: true };
}
