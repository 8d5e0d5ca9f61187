/** In order of precedence, as browsers also name the browsers that they are compatible with. */
const PROGRAMS: [pattern: RegExp, name: string][] = [
  // OBS by WHIP: `Mozilla/5.0 (OBS-Studio/30.2.3; Linux x86_64; en-US)`.
  [/\bOBS-Studio\/([\w.-]+)/, 'OBS'],
  [/\bEdg(?:A|iOS)?\/(\d+)/, 'Edge'],
  [/\bOPR\/(\d+)/, 'Opera'],
  [/\b(?:Firefox|FxiOS)\/(\d+)/, 'Firefox'],
  [/\b(?:HeadlessChrome|Chrome|CriOS)\/(\d+)/, 'Chrome'],
  [/\bVersion\/(\d+)[\d.]* (?:Mobile\/\S+ )?Safari\//, 'Safari'],
];
const MAXIMUM_LENGTH = 64;
/** Product that browsers and others put first; it tells no program. */
const MOZILLA = 'Mozilla';
/** OBS names its tracks after their stream, which has 16 random letters and digits. */
const OBS_TRACK = /^a=msid:([0-9A-Za-z]{16}) \1-(?:audio|video)\r?$/m;

/**
 * Returns a readable encoder name from a `User-Agent` header (RFC 9110, section 10.1.5), at most 64 characters, or from
 * the offer where the header does not tell.
 */
export function encoderName(userAgent = '', offer = ''): string | undefined {
  for (const [pattern, name] of PROGRAMS) {
    const version = pattern.exec(userAgent)?.[1];
    if (version !== undefined) return `${name} ${version}`.slice(0, MAXIMUM_LENGTH);
  }
  // Keeps the first product only: `GStreamer/1.22.0 (Linux x86_64)`.
  const product = /^[\x21-\x7e]+/.exec(userAgent)?.[0];
  if (product !== undefined && product.split('/')[0] !== MOZILLA)
    return product.slice(0, MAXIMUM_LENGTH).replace('/', ' ');
  return OBS_TRACK.test(offer) ? 'OBS' : undefined;
}
