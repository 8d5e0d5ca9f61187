import { type MessageData, messageInvalid } from '../sockets/index.js';

/** A text in a message's data. @throws PublicError 400 `message_invalid` */
export function textIn(data: MessageData, name: string): string {
  const value = data[name];
  if (typeof value !== 'string' || value === '') throw messageInvalid(`needs ${name}, a text`);
  return value;
}

/** SDP, by itself or as browsers' `RTCSessionDescription` holds it. @throws PublicError 400 `message_invalid` */
export function descriptionIn(data: MessageData, name: string): string {
  const value = data[name];
  const isDescription = typeof value === 'object' && value !== null && 'sdp' in value;
  return textIn(isDescription ? { [name]: value.sdp } : data, name);
}
