import { type MessageData, messageInvalid } from '../sockets/index.js';

/** Reads a non-empty string from the data of an event. @throws PublicError 400 `message_invalid` */
export function requireString(data: MessageData, name: string): string {
  const value = data[name];
  if (typeof value !== 'string' || value === '') throw messageInvalid(`needs ${name}, a string`);
  return value;
}

/** @throws PublicError 400 `message_invalid` */
export function optionalString(data: MessageData, name: string): string | undefined {
  return data[name] === undefined || data[name] === null ? undefined : requireString(data, name);
}

/** @throws PublicError 400 `message_invalid` */
export function requireStringList(data: MessageData, name: string): string[] {
  const value = data[name];
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string'))
    throw messageInvalid(`needs ${name}, a list of strings`);
  return value;
}

/** @throws PublicError 400 `message_invalid` */
export function requireInteger(data: MessageData, name: string): number {
  const value = data[name];
  if (!Number.isSafeInteger(value)) throw messageInvalid(`needs ${name}, an integer`);
  return value as number;
}

/** @throws PublicError 400 `message_invalid` */
export function optionalInteger(data: MessageData, name: string): number | undefined {
  return data[name] === undefined || data[name] === null ? undefined : requireInteger(data, name);
}
