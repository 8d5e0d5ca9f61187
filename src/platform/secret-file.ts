import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { HeadendError } from './error.js';

const SECRET_BYTES = 32;
/** Minimum length, characters. */
const MINIMUM_LENGTH = 16;

export type SecretFile = {
  /** 32 random bytes in base64url (43 characters) if created here. */
  secret: string;
  /** Whether this call created the file. */
  created: boolean;
};

/**
 * Reads the secret of a file, or creates the file with a new one, readable by its owner only. The caller must hold the
 * lock of the folder.
 *
 * @throws HeadendError `code` when the file is damaged or cannot be read
 */
export async function loadSecretFile(file: string, code = 'secret_invalid'): Promise<SecretFile> {
  const stored = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new HeadendError(code, `${file} cannot be read: check its owner and permissions.`, {
      cause: error,
    });
  });
  if (stored !== undefined) {
    const secret = stored.trim();
    if (secret.length < MINIMUM_LENGTH)
      throw new HeadendError(code, `${file} does not contain a secret: remove it, and a new one is created.`);
    await chmod(file, 0o600).catch(() => {}); // a copy or a backup may have widened its mode
    return { secret, created: false };
  }
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  // Renamed when complete, so that a crash leaves a complete file or none.
  await writeFile(`${file}.new`, `${secret}\n`, { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
  return { secret, created: true };
}
