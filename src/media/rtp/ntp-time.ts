/** Seconds from the NTP era (1900) to the Unix epoch (RFC 5905 figure 4). */
const NTP_TO_UNIX_SECONDS = 2_208_988_800;
const FRACTION = 2 ** 32;

/** The NTP timestamp of 32.32 bits (RFC 3550 section 4) of a Unix time in ms: its upper word. */
export function ntpSeconds(unixMs: number): number {
  return (Math.floor(unixMs / 1000) + NTP_TO_UNIX_SECONDS) % FRACTION;
}

/** Its lower word. */
export function ntpFraction(unixMs: number): number {
  const ms = unixMs - Math.floor(unixMs / 1000) * 1000;
  return Math.floor((ms / 1000) * FRACTION);
}

/** Unix ms, with a fraction, of an NTP timestamp. */
export function unixFromNtp(seconds: number, fraction: number): number {
  return (seconds - NTP_TO_UNIX_SECONDS) * 1000 + (fraction / FRACTION) * 1000;
}
