import { PublicError } from '../platform/index.js';
import type { MessageData } from './feature.js';

/** A message over the socket in either direction, as JSON. */
export type Message = {
  event: string;
  data: MessageData;
  /** Chosen by the client; repeated in the reply. */
  id?: string | number;
};

/** Default limit of a message; features may raise it for an event up to the maximum. */
export const MESSAGE_LIMIT_BYTES = 16 * 1024;
export const MAXIMUM_MESSAGE_BYTES = 64 * 1024;
const NAME_LENGTH = 100;

/** @throws PublicError 400 `message_invalid` */
export function parseMessage(text: string): Message {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    throw messageInvalid('is not JSON');
  }
  if (!isRecord(message)) throw messageInvalid('is no object');
  const { id } = message;
  const isId = typeof id === 'number' || (typeof id === 'string' && id.length <= NAME_LENGTH);
  return { ...checkMessage(message.event, message.data), ...(isId ? { id } : {}) };
}

/** @throws PublicError 400 `message_invalid` */
export function checkMessage(event: unknown, data: unknown = {}): { event: string; data: MessageData } {
  if (typeof event !== 'string' || event.length > NAME_LENGTH) throw messageInvalid('has no event');
  if (!isRecord(data)) throw messageInvalid('has data that is not an object');
  return { event, data };
}

export function messageInvalid(what: string): PublicError {
  return new PublicError(400, 'message_invalid', `The message ${what}.`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
