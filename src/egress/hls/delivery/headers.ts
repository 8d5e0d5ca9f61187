/** Headers of one connection, not of the message (RFC 9110, 7.6.1); `Date` is written anew. */
const CONNECTION_HEADERS = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'date',
]);

/**
 * Copies the headers that pass through, in their order and case.
 *
 * @param raw names and values in turn, as `IncomingMessage.rawHeaders`
 * @param connection value of the header `Connection`, which may name more headers that do not pass
 */
export function passingHeaders(raw: readonly string[], connection: string | undefined): string[] {
  const named = connection?.toLowerCase().split(/\s*,\s*/) ?? [];
  const passing: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name = '', value = ''] = [raw[at], raw[at + 1]];
    const lowerCase = name.toLowerCase();
    if (!CONNECTION_HEADERS.has(lowerCase) && !named.includes(lowerCase)) passing.push(name, value);
  }
  return passing;
}

/** Copies all headers but one. */
export function headersWithout(raw: readonly string[], left: string): string[] {
  const others: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name = '', value = ''] = [raw[at], raw[at + 1]];
    if (name.toLowerCase() !== left) others.push(name, value);
  }
  return others;
}

const SHARED_MAX_AGE = /(?:^|[\s,])s-maxage=(\d{1,6})(?:$|[\s,])/i;
const PUBLIC = /(?:^|[\s,])public(?:$|[\s,])/i;

/** Returns the time for which a shared cache may use a public answer, ms; 0 if it is not public (RFC 9111, 5.2.2). */
export function sharedFreshMs(cacheControl: string | undefined): number {
  if (cacheControl === undefined || !PUBLIC.test(cacheControl)) return 0;
  return Number(SHARED_MAX_AGE.exec(cacheControl)?.[1] ?? 0) * 1_000;
}
