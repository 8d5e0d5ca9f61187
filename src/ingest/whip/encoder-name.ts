/** In order of precedence, as browsers also name the browsers that they are compatible with. */
const BROWSERS: [pattern: RegExp, name: string][] = [
  [/\bEdg(?:A|iOS)?\/(\d+)/, 'Edge'],
  [/\bOPR\/(\d+)/, 'Opera'],
  [/\b(?:Firefox|FxiOS)\/(\d+)/, 'Firefox'],
  [/\b(?:HeadlessChrome|Chrome|CriOS)\/(\d+)/, 'Chrome'],
  [/\bVersion\/(\d+)[\d.]* (?:Mobile\/\S+ )?Safari\//, 'Safari'],
];
const MAXIMUM_LENGTH = 64;

/** Returns a readable encoder name from a `User-Agent` header (RFC 9110, section 10.1.5), at most 64 characters. */
export function encoderName(userAgent: string | undefined): string | undefined {
  if (userAgent === undefined) return undefined;
  for (const [pattern, name] of BROWSERS) {
    const version = pattern.exec(userAgent)?.[1];
    if (version !== undefined) return `${name} ${version}`;
  }
  // Keeps the first product only: `OBS-Studio/30.2.3 (Linux x86_64; en-US)`.
  const product = /^[\x21-\x7e]+/.exec(userAgent)?.[0];
  return product?.slice(0, MAXIMUM_LENGTH).replace('/', ' ');
}
