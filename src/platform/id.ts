import { v7 } from 'uuid';

/** A new identifier: UUID version 7 (RFC 9562 section 5.7), in the order of its making. */
export function newId(): string {
  return v7();
}

/** Ids made before a moment are smaller than this one, all others greater (RFC 9562 section 5.7: they begin with Unix ms). */
export function idBoundary(moment: Date): string {
  const digits = moment.getTime().toString(16).padStart(12, '0');
  return `${digits.slice(0, 8)}-${digits.slice(8)}-7000-8000-000000000000`;
}

/** The text form of a UUID (RFC 9562 section 4) in any case, without a check of version and variant, as PostgreSQL reads it. */
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Hexadecimal digits behind the last hyphen: a counter that leaves version and variant alone (RFC 9562 section 5.7). */
const COUNTER_DIGITS = 12;

/** Tells whether a text has the form of a UUID. Other texts name no row, and would be an error in a query. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** Returns a UUID in lower case, as PostgreSQL writes it, so that ids can be compared as strings; undefined for other text. */
export function parseUuid(text: string): string | undefined {
  return isUuid(text) ? text.toLowerCase() : undefined;
}

/** Returns the id one greater than `id`, to keep ids rising after the clock was set back. */
export function idAfter(id: string): string {
  const counter = (BigInt(`0x${id.slice(-COUNTER_DIGITS)}`) + 1n) & ((1n << 48n) - 1n);
  return id.slice(0, -COUNTER_DIGITS) + counter.toString(16).padStart(COUNTER_DIGITS, '0');
}
