/**
 * Test files beside which no other file with media in real time runs: they measure single stalls, or need encoders that
 * keep up with real time.
 */
export const ALONE: readonly string[] = [
  'test/gateway/people/chat-latency.test.ts',
  'test/gateway/people/viewer-counts.test.ts',
  'test/gateway/publishing/health.test.ts',
  'test/gateway/publishing/slate.test.ts',
  'test/gateway/publishing/studio.test.ts',
  'test/gateway/publishing/survival.test.ts',
  'test/gateway/watching/dash-players.test.ts',
  'test/gateway/watching/idle-ladder.test.ts',
  'test/gateway/watching/idle-sources.test.ts',
  'test/gateway/watching/private-media.test.ts',
  'test/gateway/watching/recorded.test.ts',
  'test/gateway/watching/watch.test.ts',
  'test/gateway/watching/webrtc-passthrough.test.ts',
  'test/gateway/watching/webrtc.test.ts',
  'test/gateway/watching/webrtc-viewers.test.ts',
  'test/gateway/publishing/whip/health.test.ts',
  'test/gateway/publishing/whip/mutes.test.ts',
  'test/gateway/publishing/whip/odd-clocks.test.ts',
  'test/gateway/publishing/whip/odd-markers.test.ts',
  'test/gateway/publishing/whip/odd-packets.test.ts',
  'test/gateway/publishing/whip/odd-times.test.ts',
  'test/gateway/publishing/whip/to-hls.test.ts',
  'test/transcode/hls/av1-ladder.test.ts',
  'test/transcode/hls/rtp-ladder.test.ts',
  'test/transcode/hls/rtp-ladder-supervisor.test.ts',
];

/** Test files that start gateways, encoders and browsers; they take longest. */
const HEAVY = /^test\/gateway\//;
/** Test files that wait for media in real time, or measure time themselves. */
const REAL_TIME = /^test\/(egress|gateway|ingest|nginx|recordings|scripts|thumbnails|transcode|webrtc)\//;

/** Priority of a test file: `low` beside those of `ALONE`, which must get the processors first. */
export type TestPriority = 'low' | 'normal';

/**
 * Runs test files: first those of `ALONE` one by one, with one worker beside them for files that do not depend on real
 * time; then all others concurrently. One worker starts with the heavy files and the others with the rest, so that at most
 * two heavy files run side by side.
 *
 * @param concurrency number of workers
 * @param run a rejection ends its worker and rejects the result
 */
export async function schedule(
  files: readonly string[],
  concurrency: number,
  run: (file: string, priority: TestPriority) => Promise<void>,
): Promise<void> {
  const alone = files.filter((file) => ALONE.includes(file));
  const queue = files.filter((file) => !ALONE.includes(file));
  queue.sort((one, other) => Number(HEAVY.test(other)) - Number(HEAVY.test(one)));
  const worker = async (next: () => string | undefined, priority: TestPriority = 'normal'): Promise<void> => {
    for (let file = next(); file !== undefined; file = next()) await run(file, priority);
  };
  let isAlone = alone.length > 0;
  const nextBeside = (): string | undefined => {
    const index = isAlone ? queue.findLastIndex((file) => !REAL_TIME.test(file)) : -1;
    return index < 0 ? undefined : queue.splice(index, 1)[0];
  };
  await Promise.all([
    worker(() => alone.shift()).finally(() => {
      isAlone = false;
    }),
    concurrency > 1 && worker(nextBeside, 'low'),
  ]);
  const nextOther = (): string | undefined => (HEAVY.test(queue.at(-1) ?? '') ? undefined : queue.pop());
  const workers = Array.from({ length: concurrency }, (_, index) => {
    if (index === 0) return worker(() => queue.shift());
    return worker(index === 1 ? () => queue.pop() : nextOther);
  });
  await Promise.all(workers);
}
