import { PublicError } from '../../platform/index.js';

/** Years that RFC 3339 and PostgreSQL both support: 0001 to 9999. */
const EARLIEST_MS = Date.parse('0001-01-01T00:00:00Z');
const LATEST_MS = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * Parses a time of a request. The schema checks only the form; this refuses leap seconds, the year 0, and offsets
 * that lead out of the year 9999.
 *
 * @param field name for the error.
 *
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
