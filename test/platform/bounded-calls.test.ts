import t from 'tap';
import { BoundedCalls, systemClock } from '../../src/platform/index.js';

const TIMEOUT_MS = 100;

/** Blocks the event loop. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

t.test('an answer that waits while the event loop is blocked is not overdue', async (t) => {
  const calls = new BoundedCalls({ clock: systemClock, timeoutMs: TIMEOUT_MS });
  const answer = calls.run(
    () => new Promise<string>((resolve) => setTimeout(() => resolve('answered'), TIMEOUT_MS * 1.5)),
  );
  block(TIMEOUT_MS * 5);
  t.equal(await answer, 'answered');
  t.equal(calls.overdue, 0);
});

t.test('a call without an answer is overdue, also after the event loop was blocked', async (t) => {
  const calls = new BoundedCalls({ clock: systemClock, timeoutMs: TIMEOUT_MS });
  const answer = calls.run(() => new Promise<string>(() => {}));
  block(TIMEOUT_MS * 5);
  // Timers of the gateway do not keep the process alive.
  const alive = setTimeout(() => {}, 60_000);
  await t.rejects(answer, { code: 'temporarily_unavailable', status: 503 });
  clearTimeout(alive);
  t.equal(calls.overdue, 1);
});

t.test('a call without an answer is overdue while the event loop is blocked again and again', async (t) => {
  const calls = new BoundedCalls({ clock: systemClock, timeoutMs: TIMEOUT_MS });
  let isRefused = false;
  const refused = calls
    .run(() => new Promise<string>(() => {}))
    .catch(() => {
      isRefused = true;
    });
  for (let blocks = 0; blocks < 5 && !isRefused; blocks++) {
    block(TIMEOUT_MS * 3);
    // Timers run before the next block.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  t.ok(isRefused);
  await refused;
});
