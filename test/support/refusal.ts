import type { Test } from 'tap';

/** Asserts that something is refused with a status and a code that programs know. */
export async function refused(
  t: Test,
  attempt: Promise<unknown> | (() => unknown),
  status: number,
  code: string,
): Promise<void> {
  const outcome = typeof attempt === 'function' ? Promise.resolve().then(attempt) : attempt;
  await t.rejects(outcome, { status, code }, `${status} ${code}`);
}
