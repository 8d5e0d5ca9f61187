/** Seconds from the NTP era (1900) to the Unix epoch (RFC 5905 figure 4). */
const NTP_TO_UNIX_SECONDS = 2_208_988_800;
/** Both words wrap here. */
const WORD = 2 ** 32;

/** The NTP timestamp of 32.32 bits (RFC 3550 section 4) of a Unix time in ms: its upper word. */
export function ntpSeconds(unixMs: number): number {
  return (Math.floor(unixMs / 1000) + NTP_TO_UNIX_SECONDS) % WORD;
}

/** Its lower word. */
export function ntpFraction(unixMs: number): number {
  const ms = unixMs - Math.floor(unixMs / 1000) * 1000;
  return Math.floor((ms / 1000) * WORD);
}

/** Unix ms, with a fraction, of an NTP timestamp of the years 1968 to 2104 (RFC 4330 section 3). */
export function unixFromNtp(seconds: number, fraction: number): number {
  const counted = seconds < 2 ** 31 ? seconds + WORD : seconds;
  return (counted - NTP_TO_UNIX_SECONDS) * 1000 + (fraction / WORD) * 1000;
}
