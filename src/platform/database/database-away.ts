import { PublicError } from '../error.js';

const LATE = 'temporarily_unavailable';
/** Error codes of the `postgres` package, of Node, of PostgreSQL (appendix A), and `LATE` for a database that hangs. */
const AWAY =
  /^(CONNECTION_(CLOSED|ENDED|DESTROYED)|CONNECT_TIMEOUT|ECONNREFUSED|ECONNRESET|ENOENT|EPIPE|08...|57P0[1-3]|57014|53300|temporarily_unavailable)$/;

/** Returns whether an error means that the database is unreachable, starting, stopping or too slow. */
export function isDatabaseAway(error: unknown): boolean {
  return AWAY.test(String((error as { code?: unknown } | null)?.code ?? ''));
}

/** Creates the error for a request that needs the database while it does not answer. */
export function databaseLate(): PublicError {
  return new PublicError(503, LATE, 'The database does not answer: try again in a moment.');
}
