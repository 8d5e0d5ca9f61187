import { createHmac, timingSafeEqual } from 'node:crypto';
import { fastifyCookie } from '@fastify/cookie';
import { isSecret } from './secret.js';

export const SESSION_COOKIE = 'headend_session';

/** Returns the session secret of a `Cookie` header, if one has its form. */
export function sessionSecretIn(header: string | undefined): string | undefined {
  if (header === undefined || !header.includes(SESSION_COOKIE)) return undefined;
  const value = fastifyCookie.parse(header)[SESSION_COOKIE];
  return value !== undefined && isSecret('session', value) ? value : undefined;
}

/**
 * Returns the `Set-Cookie` header of a session (RFC 6265bis).
 *
 * @param lifetimeS seconds; 0 deletes the cookie.
 * @param secure whether pages are served over TLS.
 */
export function sessionCookie(secret: string, lifetimeS: number, secure: boolean): string {
  return fastifyCookie.serialize(SESSION_COOKIE, secret, {
    path: '/',
    httpOnly: true,
    sameSite: 'lax',
    maxAge: lifetimeS,
    secure,
  });
}

/**
 * Derives the CSRF token from the session secret. Other sites cannot read it, as they cannot read responses; it lives
 * as long as the session.
 */
export function csrfTokenOf(secret: string): string {
  return createHmac('sha256', secret).update('csrf').digest('base64url');
}

/** Compares in constant time. */
export function isCsrfToken(shown: string | undefined, secret: string): boolean {
  const expected = Buffer.from(csrfTokenOf(secret));
  const candidate = Buffer.from(shown ?? '');
  return candidate.length === expected.length && timingSafeEqual(candidate, expected);
}
