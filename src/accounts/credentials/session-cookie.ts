import { createHmac, timingSafeEqual } from 'node:crypto';
import { fastifyCookie } from '@fastify/cookie';
import { isSecret } from './secret.js';

export const SESSION_COOKIE = 'headend_session';

/** The session secret in a `Cookie` header, if there is anything of its form. */
export function sessionSecretIn(header: string | undefined): string | undefined {
  if (header === undefined || !header.includes(SESSION_COOKIE)) return undefined;
  const value = fastifyCookie.parse(header)[SESSION_COOKIE];
  return value !== undefined && isSecret('session', value) ? value : undefined;
}

/**
 * The `Set-Cookie` header that keeps a page signed in (RFC 6265bis).
 *
 * @param lifetime seconds; 0 has the cookie forgotten.
 * @param secure whether pages come by TLS.
 */
export function sessionCookie(secret: string, lifetime: number, secure: boolean): string {
  return fastifyCookie.serialize(SESSION_COOKIE, secret, {
    path: '/',
    httpOnly: true,
    sameSite: 'lax',
    maxAge: lifetime,
    secure,
  });
}

/** What a page of ours shows with its cookie: who can't read our answers can't know it. It is as old as the session. */
export function csrfTokenOf(secret: string): string {
  return createHmac('sha256', secret).update('csrf').digest('base64url');
}

/** Takes the same time whatever is shown. */
export function isCsrfToken(shown: string | undefined, secret: string): boolean {
  const expected = Buffer.from(csrfTokenOf(secret));
  const candidate = Buffer.from(shown ?? '');
  return candidate.length === expected.length && timingSafeEqual(candidate, expected);
}
