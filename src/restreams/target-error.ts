import { HeadendError, PublicError } from '../platform/index.js';

/** Sentences for the owner of a target, by codes that clients translate: codes may be added, never renamed. */
const SENTENCES = {
  address_not_allowed: 'This server does not connect to the address of the target.',
  address_unknown: 'The target has no such address: check the URL.',
  answer_invalid: 'The answer of the target cannot be used.',
  answer_too_long: 'The answer of the target is too long.',
  certificate_expired: 'The certificate of the target has expired.',
  certificate_of_other_host: 'The certificate of the target is for another host: check the URL.',
  certificate_untrusted: 'The certificate of the target is not trusted.',
  closed: 'The target closed the connection.',
  connection_failed: 'The connection failed.',
  connection_lost: 'The connection to the target was lost.',
  connection_refused: 'The target refused the connection.',
  ended: 'The target ended the stream.',
  host_unknown: 'There is no host of this name: check the URL.',
  host_unresolved: 'The host name could not be resolved.',
  key_refused: 'The target refuses the key: copy it again.',
  key_unreadable: 'The stored key cannot be read with the secret of this server: enter it again.',
  loop: 'This target is this server itself: a broadcast cannot be sent to its own source.',
  no_answer: 'The target does not answer.',
  no_webrtc_address: 'The target names no address for WebRTC that this server connects to.',
  not_rtmp: 'The target does not speak RTMP.',
  nothing_broadcast: 'Nothing is broadcast.',
  port_closed: 'The target refuses connections: check its address and port.',
  redirect_unencrypted: 'The target redirects to an address without encryption.',
  redirects_too_many: 'The target redirects too often.',
  rtmp_invalid: 'The target does not speak RTMP correctly.',
  srt_ended:
    'The target does not accept the SRT connection, or ended it: check host, port, stream id and passphrase.',
  srt_unavailable: 'The ffmpeg of this server has no SRT.',
  stalled: 'The target takes no data any more.',
  stream_refused: 'The target refused the stream.',
  stream_refused_by_status: 'The target refused the stream with a status.',
  too_many_outputs: 'This server sends to no more targets at the same time.',
  unreachable: 'The target cannot be reached.',
  webrtc_failed: 'No WebRTC connection to the target could be established.',
} as const;
export type TargetErrorCode = keyof typeof SENTENCES;
export const TARGET_ERROR_CODES = Object.keys(SENTENCES) as TargetErrorCode[];

/** Failure of an output, as a sentence for the owner of the target. */
export class TargetError extends HeadendError {
  declare readonly code: TargetErrorCode;

  /** @param message a sentence that says more than that of the code; words of the target follow a colon */
  constructor(code: TargetErrorCode, message: string = SENTENCES[code]) {
    super(code, message);
    this.name = 'TargetError';
  }
}

const MAXIMUM_WORDS = 200;

/** Usual codes of connections. */
const CONNECTION_CODES: Record<string, TargetErrorCode> = {
  ECONNREFUSED: 'port_closed',
  ECONNRESET: 'closed',
  EPIPE: 'closed',
  ETIMEDOUT: 'no_answer',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ENOTFOUND: 'host_unknown',
  EAI_AGAIN: 'host_unresolved',
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificate_of_other_host',
  CERT_HAS_EXPIRED: 'certificate_expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate_untrusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate_untrusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate_untrusted',
  url_not_allowed: 'address_not_allowed',
};
/** Refusals of the API that a target can meet later too. */
const PUBLIC_CODES: Record<string, TargetErrorCode> = {
  restream_loop: 'loop',
  url_not_allowed: 'address_not_allowed',
};

/** Returns printable words of a peer, shortened and without the key; undefined if there are none. */
export function wordsOf(value: unknown, key = ''): string | undefined {
  if (typeof value !== 'string') return undefined;
  const words = (key === '' ? value : value.replaceAll(key, '…'))
    .slice(0, 4 * MAXIMUM_WORDS)
    .replace(/\p{C}/gu, ' ')
    .trim()
    .slice(0, MAXIMUM_WORDS)
    // Half of a character, which JSON of PostgreSQL does not take.
    .replace(/\p{Cs}/gu, '');
  return words === '' ? undefined : words;
}

/** Returns an error as one for the owner, without details that only the operator may see. */
export function targetErrorOf(error: unknown): TargetError {
  if (error instanceof TargetError) return error;
  if (error instanceof PublicError) {
    const known = PUBLIC_CODES[error.code];
    return known ? new TargetError(known, error.message) : connectionFailed(error.message);
  }
  const { code, errors } = error as { code?: string; errors?: { code?: string }[] };
  const known = CONNECTION_CODES[code ?? ''] ?? CONNECTION_CODES[errors?.[0]?.code ?? ''];
  return known ? new TargetError(known) : connectionFailed(code);
}

/** @param words why, in English, or a code of Node.js */
export function connectionFailed(words: string | undefined): TargetError {
  return new TargetError(
    'connection_failed',
    words === undefined ? undefined : `The connection failed: ${words}`,
  );
}
