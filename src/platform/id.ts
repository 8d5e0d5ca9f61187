import { v7, validate } from 'uuid';

/** A new identifier: UUID version 7 (RFC 9562 section 5.7), in the order of its making. */
export function newId(): string {
  return v7();
}

/** Whether a text has the form of a UUID: what has another one is nothing of ours, and no question for the database. */
export function isId(text: string): boolean {
  return validate(text);
}
