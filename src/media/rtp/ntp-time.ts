/** Seconds from the NTP era (1900) to the Unix epoch (RFC 5905 figure 4). */
const NTP_TO_UNIX_SECONDS = 2_208_988_800;
/** Range of both 32-bit words. */
const WORD = 2 ** 32;

/** Returns the upper word of a Unix time's 32.32-bit NTP timestamp (RFC 3550 section 4). */
export function ntpSeconds(unixMs: number): number {
  return (Math.floor(unixMs / 1000) + NTP_TO_UNIX_SECONDS) % WORD;
}

/** Returns the lower word of a Unix time's NTP timestamp. */
export function ntpFraction(unixMs: number): number {
  const ms = unixMs - Math.floor(unixMs / 1000) * 1000;
  return Math.floor((ms / 1000) * WORD);
}

/** Returns the middle 32 bits of a Unix time's NTP timestamp: seconds and fractions of 16 bits each. */
export function ntpMiddle(unixMs: number): number {
  return ((ntpSeconds(unixMs) & 0xffff) * 0x10000 + (ntpFraction(unixMs) >>> 16)) >>> 0;
}

/** Returns Unix ms, with a fraction, of an NTP timestamp from 1968 to 2104 (RFC 4330 section 3). */
export function unixFromNtp(seconds: number, fraction: number): number {
  const counted = seconds < 2 ** 31 ? seconds + WORD : seconds;
  return (counted - NTP_TO_UNIX_SECONDS) * 1000 + (fraction / WORD) * 1000;
}
