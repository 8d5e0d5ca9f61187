import { type MessageData, messageInvalid } from '../sockets/index.js';

/** Returns a non-empty string of a message's data. @throws PublicError 400 `message_invalid` */
export function textIn(data: MessageData, name: string): string {
  const value = data[name];
  if (typeof value !== 'string' || value === '') throw messageInvalid(`needs ${name}, a string`);
  return value;
}

/** Returns SDP given as a string or as an `RTCSessionDescription`. @throws PublicError 400 `message_invalid` */
export function descriptionIn(data: MessageData, name: string): string {
  const value = data[name];
  const isDescription = typeof value === 'object' && value !== null && 'sdp' in value;
  return textIn(isDescription ? { [name]: value.sdp } : data, name);
}
