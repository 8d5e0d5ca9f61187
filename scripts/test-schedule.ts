/**
 * Need of files beside which no other file with media in real time runs: they measure single stalls, or need encoders that
 * keep up with real time. Such files failed at random beside others that needed less than what was left on average.
 */
const ALONE = 170;

/**
 * Share of a processor, percent, that test files with media in real time need while they run, of those that need
 * another one than `NEED`: about their processor time divided by their duration on an idle machine, as `scripts/test`
 * prints it. They start in this order, the needy and long ones first.
 */
export const NEEDS: Readonly<Record<string, number>> = {
  'test/gateway/people/chat-latency.test.ts': ALONE,
  'test/gateway/people/viewer-counts.test.ts': ALONE,
  'test/gateway/publishing/health.test.ts': ALONE,
  'test/gateway/publishing/slate.test.ts': ALONE,
  'test/gateway/publishing/studio.test.ts': ALONE,
  'test/gateway/publishing/survival.test.ts': ALONE,
  'test/gateway/watching/dash-players.test.ts': ALONE,
  'test/gateway/watching/idle-ladder.test.ts': ALONE,
  'test/gateway/watching/idle-sources.test.ts': ALONE,
  'test/gateway/watching/private-media.test.ts': ALONE,
  'test/gateway/watching/recorded.test.ts': ALONE,
  'test/gateway/watching/watch.test.ts': ALONE,
  'test/gateway/watching/webrtc-passthrough.test.ts': ALONE,
  'test/gateway/watching/webrtc.test.ts': ALONE,
  'test/gateway/watching/webrtc-viewers.test.ts': ALONE,
  'test/gateway/publishing/whip/health.test.ts': ALONE,
  'test/gateway/publishing/whip/mutes.test.ts': ALONE,
  'test/gateway/publishing/whip/odd-clocks.test.ts': ALONE,
  'test/gateway/publishing/whip/odd-markers.test.ts': ALONE,
  'test/gateway/publishing/whip/odd-packets.test.ts': ALONE,
  'test/gateway/publishing/whip/odd-times.test.ts': ALONE,
  'test/gateway/publishing/whip/to-hls.test.ts': ALONE,
  'test/transcode/hls/av1-ladder.test.ts': ALONE,
  'test/transcode/hls/rtp-ladder.test.ts': ALONE,
  'test/transcode/hls/rtp-ladder-supervisor.test.ts': ALONE,
  'test/gateway/publishing/whip/picture-pause.test.ts': 120,
  'test/gateway/pages/axe.test.ts': 100,
  'test/gateway/pages/bad-input.test.ts': 100,
  'test/gateway/pages/keyboard.test.ts': 100,
  'test/gateway/pages/whole-path.test.ts': 100,
  'test/recordings/recording-survival.test.ts': 35,
  'test/gateway/publishing/picture-pause.test.ts': 80,
  'test/gateway/publishing/pauses/rare-keyframes.test.ts': 100,
  'test/gateway/people/chat-survival.test.ts': 60,
  'test/gateway/publishing/odd-access-units.test.ts': 60,
  'test/gateway/publishing/odd-sources.test.ts': 60,
  'test/gateway/publishing/open-gop.test.ts': 120,
  'test/egress/whep/browser.test.ts': 60,
  'test/web/pages/watch-by-webrtc.test.ts': 55,
  'test/web/pages/watch-page.test.ts': 55,
  'test/gateway/watching/recorded-dash.test.ts': 60,
  'test/gateway/publishing/enhanced-rtmp.test.ts': 60,
  'test/transcode/webrtc/webrtc-transcoding.test.ts': 25,
  'test/transcode/ffmpeg/supervision.test.ts': 25,
};
/** Needs of other test files with media in real time, percent of a processor: of those with a gateway, and of parts of it. */
const NEED = { gateway: 60, part: 30 } as const;

/** Test files that start gateways or browsers. */
const GATEWAY = /^test\/(gateway|web\/pages)\//;

/** Test files with media in real time, or that measure time themselves. */
const REAL_TIME =
  /^test\/(egress|gateway|ingest|nginx|recordings|scripts|thumbnails|transcode|web\/pages|webrtc)\//;
/**
 * Largest sum of needs of the files that run side by side, percent of each processor. The rest is for moments in which
 * they need more at once.
 */
export const USABLE = 85;
/** Files with media in real time that run side by side on each processor, as each takes memory for browsers and encoders. */
const REAL_TIME_FILES = 2;

/** Priority of a test file: `low` beside those with media in real time, which must get the processors first. */
export type TestPriority = 'low' | 'normal';

/**
 * Runs test files. Those with media in real time run side by side as long as the sum of their needs fits, and beside
 * them one file without. When the last of them has started, further files without take the processors that are left.
 *
 * @param run a rejection rejects the result; no further file is started
 */
export async function schedule(
  files: readonly string[],
  processors: number,
  run: (file: string, priority: TestPriority) => Promise<void>,
): Promise<void> {
  const realTime = [
    ...Object.keys(NEEDS).filter((file) => files.includes(file)),
    ...files.filter((file) => REAL_TIME.test(file) && !(file in NEEDS)),
  ];
  const others = files.filter((file) => !realTime.includes(file));
  const running = { needs: 0, realTime: 0, others: 0 };
  const runs = new Set<Promise<void>>();

  const start = (file: string, kind: 'realTime' | 'others'): void => {
    const need = needOf(file) ?? 0;
    const priority = kind === 'others' && running.realTime > 0 ? 'low' : 'normal';
    running.needs += need;
    running[kind]++;
    const done = run(file, priority).finally(() => {
      running.needs -= need;
      running[kind]--;
      runs.delete(done);
    });
    runs.add(done);
  };
  const startRealTime = (): boolean => {
    if (running.realTime >= REAL_TIME_FILES * processors) return false;
    const fits = (file: string): boolean =>
      running.realTime === 0 || running.needs + (needOf(file) ?? 0) <= USABLE * processors;
    const index = realTime.findIndex(fits);
    const [file] = index < 0 ? [] : realTime.splice(index, 1);
    if (file !== undefined) start(file, 'realTime');
    return file !== undefined;
  };
  const startOther = (): boolean => {
    const isFree = realTime.length === 0 && running.others + running.realTime <= processors;
    if (running.others > 0 && !isFree) return false;
    const file = others.shift();
    if (file !== undefined) start(file, 'others');
    return file !== undefined;
  };

  for (;;) {
    while (startRealTime() || startOther());
    if (runs.size === 0) return;
    await Promise.race(runs);
  }
}

/** Returns the declared need of a test file, percent of a processor; undefined for one without media in real time. */
export function needOf(file: string): number | undefined {
  if (!REAL_TIME.test(file)) return undefined;
  return NEEDS[file] ?? (GATEWAY.test(file) ? NEED.gateway : NEED.part);
}
