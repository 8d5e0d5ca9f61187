import { createHmac, randomBytes } from 'node:crypto';

/** Standard Webhooks, "Signature scheme": secrets are base64 behind this prefix, of 24 to 64 bytes. */
const PREFIX = 'whsec_';
const MINIMUM_BYTES = 24;
const MAXIMUM_BYTES = 64;
const SECRET_BYTES = 32;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** Makes the secret that a webhook is signed with. */
export function generateWebhookSecret(): string {
  return PREFIX + randomBytes(SECRET_BYTES).toString('base64');
}

/** Whether a text can be such a secret. */
export function isWebhookSecret(text: string): boolean {
  const encoded = text.slice(PREFIX.length);
  if (!text.startsWith(PREFIX) || !BASE64.test(encoded)) return false;
  const { length } = Buffer.from(encoded, 'base64');
  return length >= MINIMUM_BYTES && length <= MAXIMUM_BYTES;
}

export type SignedMessage = {
  /** The same for every attempt: receivers know by it what they have had already. */
  id: string;
  /** When it is sent, in Unix seconds. */
  timestamp: number;
  body: string;
};

/** The headers that go with a message: HMAC-SHA256 over `id.timestamp.body` (Standard Webhooks, "Verifying signatures"). */
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
