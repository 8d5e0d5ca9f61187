/** A moment of a stream: Unix ms, and the RTP timestamp that belongs to it. */
export type MediaMoment = { time: number; timestamp: number };

/** The time, with a fraction, of a timestamp at most half their range away. @param rate ticks per second. */
export function timeFrom(moment: MediaMoment, timestamp: number, rate: number): number {
  return moment.time + (((timestamp - moment.timestamp) | 0) * 1000) / rate;
}

/** The timestamp (32 bits) of a time. @param rate ticks per second. */
export function timestampFrom(moment: MediaMoment, time: number, rate: number): number {
  return (moment.timestamp + Math.round(((time - moment.time) * rate) / 1000)) >>> 0;
}
