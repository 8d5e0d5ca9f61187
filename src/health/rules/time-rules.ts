import { SERIES_S } from '../series.js';
import { bitrate, isRtp, known, medianOf, type Rule, seconds, sumOf } from './rule.js';

/** Window and known seconds in it from which the distance of sound and picture is judged. */
const SKEW_WITHIN_S = 10;
const SKEW_KNOWN_S = 8;
/** Distance that the interleaving of an encoder does not explain, ms. */
const SKEW_MS = 500;

const JUMPS_WITHIN_S = 60;

/** Windows in which a drift is looked for, s, without the first seconds of a timeline. */
const DRIFT_WINDOWS_S = [20, 60, 120, 290] as const;
/** Shortest window for a slow clock, s: a network whose queues fill looks like one. */
const SLOW_WITHIN_S = 60;
const SETTLING_S = 5;
/** Drift within a window that is no jitter, ms; and the largest deviation from a straight line, as a share of it. */
const DRIFT_MS = 200;
const DRIFT_DEVIATION = 0.2;
/** Drift of a clock, ms per s: above, the network is too slow, or the source is faster than real time. */
const MAXIMUM_DRIFT_MS_PER_S = 20;

/** Lateness that is no jitter, ms, and for how long, s. */
const LATE_MS = 1_500;
const LATE_FOR_S = 3;

/** Window in which swings are counted, and over which a bitrate is averaged, as keyframes are large, s. */
const SWINGS_WITHIN_S = 60;
const AVERAGED_S = 4;
/** Shares of the average rate beyond which it swings, and the changes from one to the other. */
const SWING = { low: 0.5, high: 1.5 } as const;
const MINIMUM_SWINGS = 3;

const LOSS_WITHIN_S = 10;
const LOSS_SHARE = 0.02;
const ROUND_TRIP_MS = 300;

export const TIME_RULES: readonly Rule[] = [
  {
    code: 'audio-video-apart',
    severity: 'error',
    cure: 'Set the sync offset of the audio sources to 0 in your streaming software (OBS: Advanced Audio Properties), and start the stream again.',
    find(window) {
      const skews = known(window.lastInTime('avSkewMs', SKEW_WITHIN_S));
      const skewMs = medianOf(skews);
      if (skews.length < SKEW_KNOWN_S || skewMs === undefined || Math.abs(skewMs) < SKEW_MS) return undefined;
      const order = skewMs > 0 ? 'after' : 'before';
      return `Sound and picture are apart: the sound comes ${seconds(Math.abs(skewMs))} ${order} the picture.`;
    },
  },
  {
    code: 'timestamps-jump',
    severity: 'error',
    cure: 'Stop the stream and start it again; send audio and video from one program with one clock.',
    find(window) {
      const jumps = sumOf(window.last('timestampJumps', JUMPS_WITHIN_S));
      if (jumps === 0) return undefined;
      return `The timestamps have jumped${jumps > 1 ? ` ${jumps} times` : ''} within the last minute: each jump interrupts the playback of viewers.`;
    },
  },
  {
    code: 'clock-drifts',
    severity: 'warning',
    cure: 'Use one sample rate (48 kHz) for all audio devices, and let your streaming software take the time from the system clock.',
    find(window) {
      const drift = isRtp(window) ? undefined : driftOf(window.lastInTime('leadMs', SERIES_S));
      if (drift === undefined) return undefined;
      const percent = Math.round(Math.abs(drift) * 10) / 100;
      return `The clock of your streaming software is ${drift > 0 ? 'fast' : 'slow'} by ${percent} %: viewers run out of media, or fall behind.`;
    },
  },
  {
    code: 'upload-too-small',
    severity: 'error',
    cure: 'Lower the bitrate in your streaming software to two thirds of the upload; use a cable in place of Wi-Fi.',
    find(window) {
      const late = window.lastInTime('lateMs', LATE_FOR_S);
      if (late.length < LATE_FOR_S || !late.every((ms) => ms > LATE_MS)) return undefined;
      const sum = (window.source.video?.bitrate ?? 0) + (window.source.audio?.bitrate ?? 0);
      return `The upload is too small for ${bitrate(sum)}: media arrive ${seconds(late.at(-1)!)} late.`;
    },
  },
  {
    code: 'bitrate-swings',
    severity: 'warning',
    cure: 'Choose CBR (constant bitrate) as rate control in your streaming software.',
    find(window) {
      if (isRtp(window)) return undefined;
      const rates = averages(window.last('videoBitrate', SWINGS_WITHIN_S));
      if (swingsOf(rates) < MINIMUM_SWINGS) return undefined;
      return `The bitrate swings between ${bitrate(Math.min(...rates))} and ${bitrate(Math.max(...rates))}: viewers with a slow network have to wait.`;
    },
  },
  {
    code: 'packet-loss',
    severity: 'warning',
    cure: 'Use a cable in place of Wi-Fi, or lower the bitrate.',
    find(window) {
      const losses = known(window.last('packetLoss', LOSS_WITHIN_S));
      const share = sumOf(losses) / losses.length;
      if (losses.length < LOSS_WITHIN_S / 2 || share < LOSS_SHARE) return undefined;
      return `The network loses ${Math.round(share * 100)} % of the packets: picture and sound are interrupted.`;
    },
  },
  {
    code: 'round-trip-long',
    severity: 'warning',
    cure: 'Use a cable in place of Wi-Fi; end other uploads; choose a server that is nearer.',
    find(window) {
      const trips = known(window.last('roundTripMs', LOSS_WITHIN_S));
      const averageMs = sumOf(trips) / trips.length;
      if (trips.length < LOSS_WITHIN_S / 2 || averageMs < ROUND_TRIP_MS) return undefined;
      return `The way to the server is long: a round trip takes ${Math.round(averageMs)} ms, and lost packets are repaired late.`;
    },
  },
];

/** Returns the drift of a clock, ms per s, which is the slope of media time minus arrival; undefined without one. */
function driftOf(leadsMs: readonly number[]): number | undefined {
  for (const windowS of DRIFT_WINDOWS_S) {
    if (leadsMs.length < windowS + SETTLING_S) return undefined;
    const drift = slopeOf(leadsMs.slice(-windowS));
    if (drift === undefined || (drift < 0 && windowS < SLOW_WITHIN_S)) continue;
    return Math.abs(drift) <= MAXIMUM_DRIFT_MS_PER_S ? drift : undefined;
  }
  return undefined;
}

/** Fits a straight line. @returns its slope per value, when it rises or falls enough and the values are near to it */
function slopeOf(values: readonly number[]): number | undefined {
  const middle = (values.length - 1) / 2;
  const average = values.reduce((sum, value) => sum + value, 0) / values.length;
  let product = 0;
  let square = 0;
  values.forEach((value, index) => {
    product += (index - middle) * (value - average);
    square += (index - middle) ** 2;
  });
  const slope = product / square;
  const riseMs = Math.abs(slope) * values.length;
  const deviation = Math.max(
    ...values.map((value, index) => Math.abs(value - average - slope * (index - middle))),
  );
  return riseMs >= DRIFT_MS && deviation <= riseMs * DRIFT_DEVIATION ? slope : undefined;
}

function averages(rates: readonly number[]): number[] {
  return rates
    .slice(AVERAGED_S - 1)
    .map((_, index) => sumOf(rates.slice(index, index + AVERAGED_S)) / AVERAGED_S);
}

/** Counts how often a rate changes from low to high or from high to low. */
function swingsOf(rates: readonly number[]): number {
  const average = sumOf(rates) / rates.length;
  let isHigh: boolean | undefined;
  let swings = 0;
  for (const rate of rates) {
    const now = rate > average * SWING.high ? true : rate < average * SWING.low ? false : isHigh;
    if (isHigh !== undefined && now !== isHigh) swings++;
    isHigh = now;
  }
  return swings;
}
