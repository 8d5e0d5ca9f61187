import { v7 } from 'uuid';

/** Returns a new UUID version 7 (RFC 9562 section 5.7): ids sort by creation. */
export function newId(): string {
  return v7();
}

/** Hexadecimal digits of `unix_ts_ms`. */
const TIME_DIGITS = 12;
/** The greatest `unix_ts_ms` (48 bits, RFC 9562 section 5.7). */
const MAXIMUM_ID_MS = 2 ** 48 - 1;

/**
 * Returns the id that separates ids created before a moment from later ones: ids begin with Unix ms (RFC 9562 section 5.7).
 * Before 1970 and after the year 10889 it is the boundary of the first or last millisecond that an id can hold.
 *
 * @throws RangeError for an invalid date
 */
export function idBoundary(moment: Date): string {
  const unixMs = moment.getTime();
  if (Number.isNaN(unixMs)) throw new RangeError('invalid date');
  const digits = Math.min(Math.max(unixMs, 0), MAXIMUM_ID_MS).toString(16).padStart(TIME_DIGITS, '0');
  return `${digits.slice(0, 8)}-${digits.slice(8)}-7000-8000-000000000000`;
}

/** Text form of a UUID (RFC 9562 section 4) in any case, as PostgreSQL reads it: version and variant are not checked. */
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Hexadecimal digits after the last hyphen, usable as a counter: they exclude version and variant (RFC 9562 section 5.7). */
const COUNTER_DIGITS = 12;

/** Returns whether a text has the form of a UUID. Other texts would be an error in a query. */
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

/** Latest time that PostgreSQL reads from the ISO 8601 text of a Date. */
const LATEST_YEAR_MS = Date.UTC(9999, 11, 31);

/** Returns the creation time in an id (UUID version 7), at most in the year 9999. */
export function idTime(id: string): Date {
  const unixMs = Number.parseInt(id.replace('-', '').slice(0, TIME_DIGITS), 16);
  return new Date(Math.min(unixMs, LATEST_YEAR_MS));
}
