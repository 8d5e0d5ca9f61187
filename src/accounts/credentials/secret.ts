import { createHash, randomBytes } from 'node:crypto';

/** 160 bits: not guessable, so the stored hash needs no salt and no slow function. */
const SECRET_BYTES = 20;
const FORM = /^[0-9a-f]{40}$/;

/** Prefixes by which people and secret scanners recognise the kind. */
export const SECRET_PREFIX = { session: 'hs_', accessToken: 'hp_', invitation: 'hi_' } as const;
export type SecretKind = keyof typeof SECRET_PREFIX;

/** Creates a secret: prefix and 40 hexadecimal digits. Return it once and store `hashSecret` of it. */
export function mintSecret(kind: SecretKind): string {
  return SECRET_PREFIX[kind] + randomBytes(SECRET_BYTES).toString('hex');
}

/** Checks the form, so that other texts are refused without a database query. */
export function isSecret(kind: SecretKind, text: string): boolean {
  const prefix = SECRET_PREFIX[kind];
  return text.startsWith(prefix) && FORM.test(text.slice(prefix.length));
}

/** SHA-256 in hexadecimal. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
