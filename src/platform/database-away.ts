/** Of the `postgres` package, Node, and PostgreSQL appendix A. */
const AWAY =
  /^(CONNECTION_(CLOSED|ENDED|DESTROYED)|CONNECT_TIMEOUT|ECONNREFUSED|ECONNRESET|ENOENT|EPIPE|08...|57P0[1-3]|57014|53300)$/;

/** Whether an error says that the database can't be reached, is starting or stopping, or does not answer in time. */
export function isDatabaseAway(error: unknown): boolean {
  return AWAY.test(String((error as { code?: unknown } | null)?.code ?? ''));
}
