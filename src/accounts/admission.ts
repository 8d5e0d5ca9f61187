import { type Clock, type Logger, networkBlock, RateLimit } from '../platform/index.js';
import { hashStreamKey, isStreamKey } from './stream-key.js';

/** Failed keys an address may try at once, and how often it gets one more try: ten a minute. */
const FAILURES = 10;
const FAILURE_REFILL_MS = 6_000;

export type AdmissionOptions = {
  /** Which stream a key belongs to, by the key's hash, and whether it is over for good. */
  findStreamByKeyHash: (hash: string) => Promise<{ streamId: string; ended: boolean } | undefined>;
  clock: Clock;
  log: Logger;
  limits?: { failures: number; refillMs: number };
};

type Request = { streamKey: string; address: string };
type Code = 'stream_key_unknown' | 'stream_key_throttled' | 'livestream_ended' | 'temporarily_unavailable';
type Decision =
  | { admitted: true; streamId: string }
  | { admitted: false; refusal: { code: Code; message: string } };

const MESSAGES: Record<Code, string> = {
  stream_key_unknown: 'This stream key is not known: copy it again from your livestream.',
  stream_key_throttled: 'Too many wrong stream keys from your address: wait a minute and try again.',
  livestream_ended: 'This livestream has ended: create a new one and use its stream key.',
  temporarily_unavailable: 'The server cannot check stream keys right now: try again in a moment.',
};

/**
 * The doorkeeper of publishers: a function that fits the hall's type `Admit`.
 *
 * Wrong keys are counted per address (IPv6: per /64 network). An address over the limit is refused whatever it shows,
 * before anything else is done for it: it must not learn whether its next guess was right.
 */
export function createAdmission(options: AdmissionOptions): (request: Request) => Promise<Decision> {
  const { findStreamByKeyHash, clock, log } = options;
  const { failures, refillMs } = options.limits ?? { failures: FAILURES, refillMs: FAILURE_REFILL_MS };
  const wrongKeys = new RateLimit(clock, { capacity: failures, refillMs });

  return async ({ streamKey, address }) => {
    const from = networkBlock(address);
    if (wrongKeys.wait(from) > 0) return refuse('stream_key_throttled');
    const key = streamKey.trim(); // pasted with a blank
    let stream: Awaited<ReturnType<typeof findStreamByKeyHash>>;
    try {
      if (isStreamKey(key)) stream = await findStreamByKeyHash(hashStreamKey(key));
    } catch (error) {
      log.error({ err: error }, 'a stream key could not be checked');
      return refuse('temporarily_unavailable');
    }
    if (stream && !stream.ended) return { admitted: true, streamId: stream.streamId };
    if (stream) return refuse('livestream_ended');
    wrongKeys.take(from);
    return refuse('stream_key_unknown');
  };
}

function refuse(code: Code): Decision {
  return { admitted: false, refusal: { code, message: MESSAGES[code] } };
}
