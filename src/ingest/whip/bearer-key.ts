/** Schemes in front of the key: one (RFC 6750 section 2.1), none, or two where a client adds its own. */
const SCHEMES = /^(?:Bearer +)*/i;
/** RFC 6750 section 2.1: `b64token`. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

/** Returns the stream key of an `Authorization` header, also without a scheme or with `Bearer` twice. */
export function bearerKey(authorization = ''): string | undefined {
  const key = authorization.trim().replace(SCHEMES, '');
  return TOKEN.test(key) && key.toLowerCase() !== 'bearer' ? key : undefined;
}
