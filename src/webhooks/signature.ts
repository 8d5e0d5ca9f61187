import { createHmac, randomBytes } from 'node:crypto';

/** Standard Webhooks, "Signature scheme": a secret is this prefix and 24 to 64 bytes in base64. */
const PREFIX = 'whsec_';
const MINIMUM_BYTES = 24;
const MAXIMUM_BYTES = 64;
const SECRET_BYTES = 32;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** Generates a signing secret. */
export function generateWebhookSecret(): string {
  return PREFIX + randomBytes(SECRET_BYTES).toString('base64');
}

/** Whether a text is a valid signing secret. */
export function isWebhookSecret(text: string): boolean {
  const encoded = text.slice(PREFIX.length);
  if (!text.startsWith(PREFIX) || !BASE64.test(encoded)) return false;
  const { length } = Buffer.from(encoded, 'base64');
  return length >= MINIMUM_BYTES && length <= MAXIMUM_BYTES;
}

export type SignedMessage = {
  /** Message id, equal in every attempt: receivers deduplicate by it. */
  id: string;
  /** Time of sending, Unix seconds. */
  timestamp: number;
  body: string;
};

/** Returns the signature headers: HMAC-SHA256 over `id.timestamp.body` (Standard Webhooks, "Verifying signatures"). */
export function signatureHeaders(
  secret: string,
  { id, timestamp, body }: SignedMessage,
): Record<string, string> {
  const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': `v1,${signature}`,
  };
}
