import { createHash, randomBytes } from 'node:crypto';

/** 160 bits: 32 digits in base 32 without a remainder. */
const SECRET_BYTES = 20;
/** RFC 4648 section 6 in lower case: no look-alike digits, and none with a meaning in RTMP or URLs. */
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const BITS_PER_DIGIT = 5;
const PREFIX = 'live_';
const FORM = /^live_[a-z2-7]{32}$/;

/** Creates a stream key: `live_` and 32 characters. Return it once and store `hashStreamKey` of it. */
export function mintStreamKey(): string {
  let key = PREFIX;
  let bits = 0;
  let held = 0;
  for (const byte of randomBytes(SECRET_BYTES)) {
    bits = (bits << 8) | byte;
    held += 8;
    while (held >= BITS_PER_DIGIT) {
      held -= BITS_PER_DIGIT;
      key += ALPHABET[(bits >> held) & 31];
    }
    bits &= (1 << held) - 1;
  }
  return key;
}

/** Checks the form, so that other texts are refused without a database query. */
export function isStreamKey(text: string): boolean {
  return FORM.test(text);
}

/** SHA-256 in hexadecimal. The key has 160 random bits, so it needs no salt and no slow hash. */
export function hashStreamKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
