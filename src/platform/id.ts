import { v7, validate, version } from 'uuid';

/** A new identifier: UUID version 7 (RFC 9562 section 5.7), in the order of its making. */
export function newId(): string {
  return v7();
}

/** Whether a text has the form of an identifier made by `newId`. */
export function isId(text: string): boolean {
  return validate(text) && version(text) === 7;
}
