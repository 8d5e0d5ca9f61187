import { PublicError } from '../../platform/index.js';

/** The years that both RFC 3339 and PostgreSQL's input can hold: 0001 to 9999. */
const EARLIEST_MS = Date.parse('0001-01-01T00:00:00Z');
const LATEST_MS = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * Reads a time of a request. The schema has checked its form alone: a leap second, the year 0 and what an offset moves out
 * of the year 9999 are left.
 *
 * @param field its name, for the error.
 * @throws PublicError 400 `validation_failed`
 */
export function readTime(text: string, field: string): Date {
  const time = new Date(text);
  if (time.getTime() >= EARLIEST_MS && time.getTime() <= LATEST_MS) return time;
  const message = `${field} must be a time from the year 0001 to 9999, without leap seconds`;
  throw new PublicError(400, 'validation_failed', `The request is not valid: ${message}.`, [
    { field, message },
  ]);
}
