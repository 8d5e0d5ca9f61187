import { createHash, randomBytes } from 'node:crypto';

/** 160 bits: nobody guesses them, so they need neither salt nor a slow hash where they are kept. */
const SECRET_BYTES = 20;
const FORM = /^[0-9a-f]{40}$/;

/** What a secret is for is the beginning of it, so that people and programs know one when they see it. */
export const SECRET_PREFIX = { session: 'hs_', accessToken: 'hp_', invitation: 'hi_' } as const;
export type SecretKind = keyof typeof SECRET_PREFIX;

/** Makes a secret: its prefix and 40 hexadecimal digits. Show it once and keep `hashSecret` of it. */
export function mintSecret(kind: SecretKind): string {
  return SECRET_PREFIX[kind] + randomBytes(SECRET_BYTES).toString('hex');
}

/** Whether a text can be such a secret at all: what can't is refused without a look into the database. */
export function isSecret(kind: SecretKind, text: string): boolean {
  const prefix = SECRET_PREFIX[kind];
  return text.startsWith(prefix) && FORM.test(text.slice(prefix.length));
}

/** SHA-256 in hexadecimal. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
