import { v7, validate } from 'uuid';

/** A new identifier: UUID version 7 (RFC 9562 section 5.7), in the order of its making. */
export function newId(): string {
  return v7();
}

/** Ids made before a moment are smaller than this one, all others greater (RFC 9562 section 5.7: they begin with Unix ms). */
export function idBoundary(moment: Date): string {
  const digits = moment.getTime().toString(16).padStart(12, '0');
  return `${digits.slice(0, 8)}-${digits.slice(8)}-7000-8000-000000000000`;
}

/** Whether a text has the form of a UUID: what has another one is nothing of ours, and no question for the database. */
export function isId(text: string): boolean {
  return validate(text);
}
