import { PublicError } from '../platform/index.js';

/** What travels over the socket, either way: JSON. */
export type Message = {
  event: string;
  data: Record<string, unknown>;
  /** Of the client's choice; stands in whatever answers the message. */
  id?: string | number;
};

/** SDP grows when its line ends are escaped; what is longer is no offer. Bytes. */
export const MESSAGE_LIMIT = 64 * 1024;
const ID_LENGTH = 100;

/** @throws PublicError 400 `message_invalid`, 413 `message_too_large` */
export function parseMessage(text: string): Message {
  if (Buffer.byteLength(text) > MESSAGE_LIMIT)
    throw new PublicError(413, 'message_too_large', `A message may have ${MESSAGE_LIMIT} bytes.`);
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    throw invalid('is not JSON');
  }
  if (!isRecord(message)) throw invalid('is no object');
  const { event, data = {}, id } = message;
  if (typeof event !== 'string' || event.length > ID_LENGTH) throw invalid('has no event');
  if (!isRecord(data)) throw invalid('has data that are no object');
  const isId = typeof id === 'number' || (typeof id === 'string' && id.length <= ID_LENGTH);
  return isId ? { event, data, id } : { event, data };
}

/** A text in a message's data. @throws PublicError 400 `message_invalid` */
export function textIn(data: Record<string, unknown>, name: string): string {
  const value = data[name];
  if (typeof value !== 'string' || value === '') throw invalid(`needs ${name}, a text`);
  return value;
}

/** SDP, by itself or as browsers' `RTCSessionDescription` holds it. @throws PublicError 400 `message_invalid` */
export function descriptionIn(data: Record<string, unknown>, name: string): string {
  const value = data[name];
  return textIn(isRecord(value) ? { [name]: value.sdp } : data, name);
}

function invalid(what: string): PublicError {
  return new PublicError(400, 'message_invalid', `The message ${what}.`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
