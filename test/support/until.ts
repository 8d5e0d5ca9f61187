/**
 * Polls until a condition gives a truthy value. The timeout bounds a broken run; it is no pace to rely on.
 *
 * @throws Error with `description` after `timeoutMs`.
 */
export async function until<T>(
  description: string,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 30_000,
  intervalMs = 50,
): Promise<T> {
  for (const deadline = performance.now() + timeoutMs; ; ) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`still waiting for: ${description}`);
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}

/** Polls every 10 ms until a condition holds. @throws after ten seconds. */
export async function eventually(condition: () => boolean): Promise<void> {
  await until(String(condition), condition, 10_000, 10);
}
