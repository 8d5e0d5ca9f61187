import { PublicError } from '../../platform/index.js';
import type { Refusal } from '../../streams/index.js';

/**
 * How the hall's refusals answer over HTTP (RFC 9725 section 4.2): 401 asks for another key, 403 says that this one will
 * never do, 429 and 503 ask for patience of so many seconds.
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
  capacity_reached: { status: 503, retryAfterS: 30 },
  temporarily_unavailable: { status: 503, retryAfterS: 5 },
  shutting_down: { status: 503, retryAfterS: 5 },
};

/** RFC 6750 section 3: what a client without a key, or with a wrong one, is told. */
export const CHALLENGE = 'Bearer realm="headend"';

/** An error that answers a publisher, with the headers that belong to it. */
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
