/** Test files that run alone: they measure single stalls, or need encoders that keep up with real time. */
export const ALONE: readonly string[] = [
  'test/gateway/people/viewer-counts.test.ts',
  'test/gateway/publishing/survival.test.ts',
  'test/gateway/watching/private-media.test.ts',
  'test/gateway/watching/watch.test.ts',
  'test/gateway/watching/webrtc.test.ts',
  'test/gateway/watching/webrtc-viewers.test.ts',
  'test/gateway/publishing/whip-mutes.test.ts',
  'test/gateway/publishing/whip-to-hls.test.ts',
  'test/transcode/hls/av1-ladder.test.ts',
  'test/transcode/hls/rtp-ladder.test.ts',
  'test/transcode/hls/rtp-ladder-supervisor.test.ts',
];

/** Test files that start gateways, encoders and browsers; they take longest. */
const HEAVY = /^test\/gateway\//;

/**
 * Runs test files concurrently, then those of `ALONE` one by one. One worker starts with the heavy files and the
 * others with the rest, so that two gateways seldom run side by side.
 *
 * @param concurrency number of workers
 * @param run a rejection ends its worker and rejects the result
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
