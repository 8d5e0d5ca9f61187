/** Point of a stream: time in Unix ms and the RTP timestamp at that time. */
export type MediaMoment = { time: number; timestamp: number };

/**
 * Returns the time, with a fraction, of a timestamp within half the timestamp range.
 *
 * @param rate RTP clock rate, Hz.
 */
export function timeFrom(moment: MediaMoment, timestamp: number, rate: number): number {
  return moment.time + (((timestamp - moment.timestamp) | 0) * 1000) / rate;
}

/** Returns the timestamp (32 bits) of a time. @param rate RTP clock rate, Hz. */
export function timestampFrom(moment: MediaMoment, time: number, rate: number): number {
  return (moment.timestamp + Math.round(((time - moment.time) * rate) / 1000)) >>> 0;
}
