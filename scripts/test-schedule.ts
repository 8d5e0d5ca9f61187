/** These look for single stalls and freezes, or need encoders that keep up: they have the machine to themselves. */
export const ALONE: readonly string[] = [
  'test/gateway/audience.test.ts',
  'test/gateway/survival.test.ts',
  'test/gateway/watch.test.ts',
  'test/gateway/webrtc.test.ts',
  'test/gateway/webrtc-viewers.test.ts',
  'test/gateway/whip-mutes.test.ts',
  'test/gateway/whip-to-hls.test.ts',
  'test/transcode/rtp-ladder.test.ts',
  'test/transcode/rtp-supervisor.test.ts',
];

/** Of whole gateways, encoders and browsers: they take long. */
const HEAVY = /^test\/gateway\//;

/**
 * Runs test files, several at a time; those of `ALONE` one by one when all others are done. One lane begins with the heavy
 * ones and the others with the rest, so that whole gateways seldom run side by side.
 *
 * @param lanes how many at a time
 * @param run its failure ends the lane, and is ours
 */
export async function schedule(
  files: readonly string[],
  concurrency: number,
  run: (file: string) => Promise<void>,
): Promise<void> {
  const shared = files.filter((file) => !ALONE.includes(file));
  const queue = [...shared.filter((file) => HEAVY.test(file)), ...shared.filter((file) => !HEAVY.test(file))];
  const worker = async (next: () => string | undefined): Promise<void> => {
    for (let file = next(); file !== undefined; file = next()) await run(file);
  };
  const first = worker(() => queue.shift());
  const others = Array.from({ length: concurrency - 1 }, () => worker(() => queue.pop()));
  await Promise.all([first, ...others]);
  for (const file of files) if (ALONE.includes(file)) await run(file);
}
