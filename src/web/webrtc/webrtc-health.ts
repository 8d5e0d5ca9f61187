/** Cumulative receive counters, of audio and video together unless said otherwise. */
export type InboundSample = {
  /** Milliseconds of any monotonic clock. */
  atMs: number;
  packetsReceived: number;
  packetsLost: number;
  videoPacketsReceived: number;
  framesDecoded: number;
  /** `freezeCount` and `totalFreezesDuration` of the browser. */
  freezes: number;
  freezeMs: number;
  /** Packets received by retransmission. */
  retransmitted: number;
  /** Latest round-trip time. */
  roundTripMs: number | undefined;
};

export type Health = 'good' | 'silent' | 'loss' | 'freezes';

/** Window that is assessed. */
export const HEALTH_WINDOW_MS = 10_000;
/** Ratio of lost packets beyond which retransmission does not help. */
const MAX_LOSS_RATIO = 0.12;
/** Packets below which loss is not assessed. */
const MIN_PACKETS = 200;
/** Time without a decoded frame while video packets arrive. */
const NO_FRAME_MS = 4_000;
const NO_FRAME_PACKETS = 40;
/**
 * Freeze time within the window that counts as poor. Without signs of an impaired network the cause is a busy machine,
 * at either end, and HLS seldom needs less CPU.
 */
const MAX_FROZEN_MS = { network: 3_000, machine: 6_000 } as const;
/** Round-trip time that indicates an impaired network. */
const SLOW_ROUND_TRIP_MS = 200;
/** Time after a pause of the sender during which freezes are ignored: its encoder restarts and queued packets burst. */
const SETTLING_MS = 2_000;

/**
 * Assesses a connection by its samples, oldest first, about one a second; some from before the window help.
 * `silent`: no packet in the whole window. While the connection stands the source is the cause, not the network.
 */
export function assessHealth(samples: readonly InboundSample[]): Health {
  const now = samples.at(-1);
  if (!now) return 'good';
  const recent = samples.filter(({ atMs }) => atMs >= now.atMs - HEALTH_WINDOW_MS);
  const oldest = recent[0] ?? now;
  const windowIsFull = now.atMs - oldest.atMs >= HEALTH_WINDOW_MS * 0.8;
  const received = now.packetsReceived - oldest.packetsReceived;
  if (windowIsFull && received === 0) return 'silent';

  if (receivesWithoutFrames(recent, now)) return 'freezes';
  const limit = networkIsImpaired(recent) ? MAX_FROZEN_MS.network : MAX_FROZEN_MS.machine;
  if (frozenMs(samples, oldest.atMs) >= limit) return 'freezes';

  const lost = now.packetsLost - oldest.packetsLost;
  if (received + lost >= MIN_PACKETS && lost / (received + lost) > MAX_LOSS_RATIO) return 'loss';
  return 'good';
}

/** True on loss, retransmission or a slow round trip. */
function networkIsImpaired(recent: readonly InboundSample[]): boolean {
  const [oldest, now] = [recent[0], recent.at(-1)];
  if (!oldest || !now) return false;
  return (
    now.packetsLost > oldest.packetsLost ||
    now.retransmitted > oldest.retransmitted ||
    recent.some(({ roundTripMs = 0 }) => roundTripMs >= SLOW_ROUND_TRIP_MS)
  );
}

/** True when video packets arrive but no frame is decoded. */
function receivesWithoutFrames(recent: readonly InboundSample[], now: InboundSample): boolean {
  const start = recent.findLast(({ atMs }) => atMs <= now.atMs - NO_FRAME_MS);
  const middle = recent.findLast(({ atMs }) => atMs <= now.atMs - NO_FRAME_MS / 2);
  if (!start || !middle || now.framesDecoded > start.framesDecoded) return false;
  // Packets in both halves of the interval: else the sender has just resumed.
  const packets = (from: InboundSample, to: InboundSample): number =>
    to.videoPacketsReceived - from.videoPacketsReceived;
  return packets(start, middle) >= NO_FRAME_PACKETS / 2 && packets(middle, now) >= NO_FRAME_PACKETS / 2;
}

/**
 * Returns the freeze time that is not the sender's. Browsers report a pause of the sender as a freeze with the first
 * frame after it: freezes that began in a pause, or within `SETTLING_MS` after it, are ignored.
 */
function frozenMs(samples: readonly InboundSample[], sinceMs: number): number {
  let totalMs = 0;
  let settledAtMs = Number.NEGATIVE_INFINITY;
  for (const [index, sample] of samples.entries()) {
    const before = samples[index - 1];
    if (!before) continue;
    if (sample.videoPacketsReceived === before.videoPacketsReceived) settledAtMs = sample.atMs + SETTLING_MS;
    const intervalFrozenMs = sample.freezeMs - before.freezeMs;
    if (before.atMs >= sinceMs && sample.atMs - intervalFrozenMs > settledAtMs) totalMs += intervalFrozenMs;
  }
  return totalMs;
}
