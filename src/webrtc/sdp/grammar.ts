import { PublicError } from '../../platform/index.js';

/** What an SDP description may measure: far more than any client sends, far less than hurts. */
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
 * What of a client's text may stand in our answer. All patterns are of visible ASCII and none contains CR, LF or
 * blanks (but for `PARAMETERS`): whatever passes them cannot begin a new line.
 */
/** RFC 8866 section 9: token. */
export const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,64}$/;
/** RFC 8866 section 9: proto. */
export const PROTOCOL = /^[A-Za-z0-9!#$%&'*+.^_`{|}~/-]{1,64}$/;
/** RFC 8866 section 9: byte-string, here without anything but visible ASCII and blanks. */
export const PARAMETERS = /^[\x21-\x7e][\x20-\x7e]*$/;
/** RFC 8839 section 5.4: ice-char. */
export const ICE_UFRAG = /^[A-Za-z0-9+/]{4,256}$/;
export const ICE_PWD = /^[A-Za-z0-9+/]{22,256}$/;
/** RFC 8851 section 10; RFC 8285 section 4.2 leaves 16 bytes to a one-byte header extension. */
export const RID = /^[A-Za-z0-9_-]{1,16}$/;

/** Control characters but for the tab, which some clients put into `s=`. */
const CONTROL = /[^\P{Cc}\t]/u;

/** The client's description is wrong. The message quotes nothing of it. */
export function sdpError(message: string, line?: number): PublicError {
  const where = line === undefined ? '' : ` (line ${line})`;
  return new PublicError(400, 'sdp_invalid', `The SDP is not valid: ${message}${where}.`);
}

export type SdpLine = {
  /** From 1, for messages. */
  number: number;
  /** `a`, `m`, … */
  type: string;
  value: string;
};

/**
 * Cuts a description into lines (RFC 8866 section 5; a bare LF ends a line too).
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
    if (CONTROL.test(line)) throw sdpError('there is a control character', number);
    if (line[1] !== '=' || !/[a-z]/.test(line[0] ?? '')) throw sdpError('a line has no type', number);
    lines.push({ number, type: line[0] ?? '', value: line.slice(2) });
  }
  return lines;
}

/** `name:value` or `name` of an `a=` line. */
export function attributeOf(value: string): { name: string; value: string } {
  const colon = value.indexOf(':');
  return colon < 0
    ? { name: value, value: '' }
    : { name: value.slice(0, colon), value: value.slice(colon + 1) };
}
