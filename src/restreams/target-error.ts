import { HeadendError, PublicError } from '../platform/index.js';

/** Failure of an output, as a sentence for the owner of the target. */
export class TargetError extends HeadendError {
  constructor(message: string) {
    super('restream_failed', message);
    this.name = 'TargetError';
  }
}

const MAXIMUM_WORDS = 200;

/** Sentences for the usual codes of connections. */
const SENTENCES: Record<string, string> = {
  ECONNREFUSED: 'The target refuses connections: check its address and port.',
  ECONNRESET: 'The target closed the connection.',
  EPIPE: 'The target closed the connection.',
  ETIMEDOUT: 'The target does not answer.',
  EHOSTUNREACH: 'The target cannot be reached.',
  ENETUNREACH: 'The target cannot be reached.',
  ENOTFOUND: 'There is no host of this name: check the URL.',
  EAI_AGAIN: 'The host name could not be resolved.',
  ERR_TLS_CERT_ALTNAME_INVALID: 'The certificate of the target is for another host: check the URL.',
  CERT_HAS_EXPIRED: 'The certificate of the target has expired.',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'The certificate of the target is not trusted.',
  SELF_SIGNED_CERT_IN_CHAIN: 'The certificate of the target is not trusted.',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'The certificate of the target is not trusted.',
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

/** Returns the sentence of an error, without details that only the operator may see. */
export function sentenceOf(error: unknown): string {
  if (error instanceof TargetError || error instanceof PublicError) return error.message;
  const { code, errors } = error as { code?: string; errors?: { code?: string }[] };
  if (code === 'url_not_allowed') return 'This server does not connect to the address of the target.';
  const known = SENTENCES[code ?? ''] ?? SENTENCES[errors?.[0]?.code ?? ''];
  return known ?? `The connection failed${code === undefined ? '.' : ` (${code}).`}`;
}
