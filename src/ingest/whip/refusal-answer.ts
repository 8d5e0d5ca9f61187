import { PublicError } from '../../platform/index.js';
import type { Refusal } from '../../streams/index.js';

/**
 * HTTP status of each refusal (RFC 9725, section 4.2): 401 for an invalid key, 403 for a key or account that may not
 * publish, 429 and 503 for refusals to retry after some seconds.
 */
const REFUSALS: Record<Refusal['code'], { status: number; retryAfterS?: number }> = {
  stream_key_unknown: { status: 401 },
  stream_key_throttled: { status: 429, retryAfterS: 60 },
  stream_key_revoked: { status: 401 },
  stream_key_expired: { status: 401 },
  stream_key_protocol: { status: 403 },
  stream_key_address: { status: 403 },
  account_barred: { status: 403 },
  livestream_ended: { status: 403 },
  codec_unsupported: { status: 406 },
  restream_loop: { status: 409 },
  capacity_reached: { status: 503, retryAfterS: 30 },
  temporarily_unavailable: { status: 503, retryAfterS: 5 },
  shutting_down: { status: 503, retryAfterS: 5 },
};

/** `WWW-Authenticate` challenge for a missing or invalid key (RFC 6750, section 3). */
export const CHALLENGE = 'Bearer realm="headend"';

/** Refusal of a publisher, with its HTTP headers. */
export class PublisherRefused extends PublicError {
  readonly headers: Readonly<Record<string, string>>;

  constructor({ code, message }: Refusal) {
    const { status, retryAfterS } = REFUSALS[code];
    super(status, code, message);
    this.headers = {
      ...(retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) }),
      ...(status === 401 ? { 'www-authenticate': `${CHALLENGE}, error="invalid_token"` } : {}),
    };
  }
}
