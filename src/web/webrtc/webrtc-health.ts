/** Counters of what arrived, all kinds of media together unless said otherwise. */
export type InboundSample = {
  /** Milliseconds of any clock. */
  at: number;
  packetsReceived: number;
  packetsLost: number;
  videoPacketsReceived: number;
  framesDecoded: number;
  /** Times the picture stood still, as the browser reckons it, and for how long in all. */
  freezes: number;
  freezeMs: number;
  /** Packets that came a second time, because they were missed. */
  retransmitted: number;
  /** To the server and back, as last measured. */
  roundTripMs: number | undefined;
};

export type Health = 'good' | 'silent' | 'loss' | 'freezes';

/** How far back samples count, in milliseconds. */
export const HEALTH_WINDOW_MS = 10_000;
/** Share of packets lost that retransmission cannot make good. */
const HEAVY_LOSS = 0.12;
/** Fewer packets than this say nothing of the network. */
const ENOUGH_PACKETS = 200;
/** Time without a picture while packets of it arrive. */
const STUCK_MS = 4_000;
const STUCK_PACKETS = 40;
/**
 * Frozen time within the window that is too much; and where the network loses nothing and is quick: then a machine, here
 * or there, has too little time, and HLS seldom needs less of it.
 */
const FROZEN_MS = { network: 3_000, machine: 6_000 } as const;
/** A way to the server and back that takes longer is a network's trouble. */
const SLOW_MS = 200;
/** After a pause a sender may stutter for so long: its encoder begins, and what has waited comes at once. */
const SETTLING_MS = 2_000;

/**
 * Judges a connection by its latest samples, oldest first, about one a second; a few from before the window help.
 * `silent`: nothing at all arrived in the whole window; it is the source, not the network, as long as the connection
 * stands.
 */
export function judgeHealth(samples: readonly InboundSample[]): Health {
  const now = samples.at(-1);
  if (!now) return 'good';
  const recent = samples.filter(({ at }) => at >= now.at - HEALTH_WINDOW_MS);
  const oldest = recent[0] ?? now;
  const whole = now.at - oldest.at >= HEALTH_WINDOW_MS * 0.8;
  const received = now.packetsReceived - oldest.packetsReceived;
  if (whole && received === 0) return 'silent';

  if (isStuck(recent, now)) return 'freezes';
  const limit = hasTrouble(recent) ? FROZEN_MS.network : FROZEN_MS.machine;
  if (frozenMs(samples, oldest.at) >= limit) return 'freezes';

  const lost = now.packetsLost - oldest.packetsLost;
  if (received + lost >= ENOUGH_PACKETS && lost / (received + lost) > HEAVY_LOSS) return 'loss';
  return 'good';
}

/** Something was lost on the way, made good or not, or the way takes long. */
function hasTrouble(recent: readonly InboundSample[]): boolean {
  const [oldest, now] = [recent[0], recent.at(-1)];
  if (!oldest || !now) return false;
  return (
    now.packetsLost > oldest.packetsLost ||
    now.retransmitted > oldest.retransmitted ||
    recent.some(({ roundTripMs = 0 }) => roundTripMs >= SLOW_MS)
  );
}

/** Packets of the picture kept coming, but none could be shown. */
function isStuck(recent: readonly InboundSample[], now: InboundSample): boolean {
  const start = recent.findLast(({ at }) => at <= now.at - STUCK_MS);
  const middle = recent.findLast(({ at }) => at <= now.at - STUCK_MS / 2);
  if (!start || !middle || now.framesDecoded > start.framesDecoded) return false;
  // In both halves: else it is a sender that has just begun again.
  const packets = (from: InboundSample, to: InboundSample): number =>
    to.videoPacketsReceived - from.videoPacketsReceived;
  return packets(start, middle) >= STUCK_PACKETS / 2 && packets(middle, now) >= STUCK_PACKETS / 2;
}

/**
 * Time that the picture stood still although it was sent. Browsers reckon a pause of the sender's among the freezes, and
 * tell of each with the first picture after it: what began in a pause, or while the sender settled after it, is not the
 * network's fault.
 */
function frozenMs(samples: readonly InboundSample[], since: number): number {
  let total = 0;
  let settled = Number.NEGATIVE_INFINITY;
  for (const [index, sample] of samples.entries()) {
    const before = samples[index - 1];
    if (!before) continue;
    if (sample.videoPacketsReceived === before.videoPacketsReceived) settled = sample.at + SETTLING_MS;
    const frozen = sample.freezeMs - before.freezeMs;
    if (before.at >= since && sample.at - frozen > settled) total += frozen;
  }
  return total;
}
