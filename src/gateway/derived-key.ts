import { createHmac } from 'node:crypto';

/** Derives a key for one purpose, so that modules do not share keys (like HKDF-Expand, RFC 5869). */
export function derivedKey(secret: string, purpose: string): Buffer {
  return createHmac('sha256', secret).update(purpose).digest();
}
