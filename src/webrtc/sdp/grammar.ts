import { PublicError } from '../../platform/index.js';

/** Limits of an SDP description, well above those of real clients. */
export const SDP_LIMITS = {
  bytes: 64 * 1024,
  lineLength: 8_192,
  lines: 4_000,
  /** Media sections. */
  sections: 32,
  /** Payload types, header extensions and rids of one section. */
  formats: 128,
  rids: 16,
  /** One `a=fmtp` value. */
  parameters: 2_048,
} as const;

/**
 * Patterns of client text that may be copied into an answer: visible ASCII without CR, LF and (except `PARAMETERS`)
 * spaces, so that no line can be injected.
 */
/** RFC 8866 section 9: token. */
export const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,64}$/;
/** RFC 8866 section 9: proto. */
export const PROTOCOL = /^[A-Za-z0-9!#$%&'*+.^_`{|}~/-]{1,64}$/;
/** RFC 8866 section 9: byte-string, restricted to visible ASCII and spaces. */
export const PARAMETERS = /^[\x21-\x7e][\x20-\x7e]*$/;
/** RFC 8839 section 5.4: ice-char. */
export const ICE_UFRAG = /^[A-Za-z0-9+/]{4,256}$/;
export const ICE_PWD = /^[A-Za-z0-9+/]{22,256}$/;
/** rid (RFC 8851 section 10); at most 16 bytes fit a one-byte header extension (RFC 8285 section 4.2). */
export const RID = /^[A-Za-z0-9_-]{1,16}$/;

/** Control characters except tab, which some clients put into `s=`. */
const CONTROL = /[^\P{Cc}\t]/u;

/** Builds the error for an invalid description. The message quotes nothing of it. */
export function sdpError(message: string, line?: number): PublicError {
  const where = line === undefined ? '' : ` (line ${line})`;
  return new PublicError(400, 'sdp_invalid', `The SDP is not valid: ${message}${where}.`);
}

export type SdpLine = {
  /** Line number from 1, for error messages. */
  number: number;
  /** `a`, `m` and so on. */
  type: string;
  value: string;
};

/**
 * Splits a description into lines (RFC 8866 section 5; a bare LF also ends a line).
 *
 * @throws PublicError 413 `sdp_too_large`, 400 `sdp_invalid`
 */
export function sdpLines(text: string): SdpLine[] {
  if (Buffer.byteLength(text) > SDP_LIMITS.bytes)
    throw new PublicError(413, 'sdp_too_large', `The SDP has more than ${SDP_LIMITS.bytes} bytes.`);
  const raw = text.split(/\r?\n/);
  if (raw.length > SDP_LIMITS.lines) throw sdpError(`it has more than ${SDP_LIMITS.lines} lines`);
  const lines: SdpLine[] = [];
  for (const [index, line] of raw.entries()) {
    if (line === '') continue;
    const number = index + 1;
    if (line.length > SDP_LIMITS.lineLength) throw sdpError('a line is too long', number);
    if (CONTROL.test(line)) throw sdpError('a line contains a control character', number);
    if (line[1] !== '=' || !/[a-z]/.test(line[0] ?? ''))
      throw sdpError('a line does not begin with a type and =', number);
    lines.push({ number, type: line[0] ?? '', value: line.slice(2) });
  }
  return lines;
}

/** Splits the value of an `a=` line: `name:value` or `name`. */
export function attributeOf(value: string): { name: string; value: string } {
  const colon = value.indexOf(':');
  return colon < 0
    ? { name: value, value: '' }
    : { name: value.slice(0, colon), value: value.slice(colon + 1) };
}
