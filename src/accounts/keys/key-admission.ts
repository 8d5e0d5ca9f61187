import { type Clock, isWithin, type Logger, networkBlock, RateLimit } from '../../platform/index.js';
import type { Channel } from './channel-table.js';
import type { PublisherSignIn, StreamKeyUse } from './publish-attempt-table.js';
import { mayBroadcastAs, type PublisherAccounts } from './publisher-rights.js';
import { hashStreamKey, isStreamKey } from './stream-key.js';
import type { StreamKey, StreamKeyProtocol } from './stream-key-table.js';

/** Unknown keys per network: 10, then one every 6 s. */
const MAXIMUM_FAILURES = 10;
const FAILURE_REFILL_MS = 6_000;

export type KeyAdmissionOptions = {
  keys: {
    findByHash(hash: string): Promise<StreamKey | undefined>;
    recordUse(use: Omit<StreamKeyUse, 'id' | 'usedAt'>): Promise<void>;
    recordSignIn(signIn: Omit<PublisherSignIn, 'id' | 'usedAt'>): Promise<void>;
  };
  channels: { of(userId: string): Promise<Channel> };
  /** Finds owner and state of a livestream. */
  findStream: (streamId: string) => Promise<{ userId: string | null; ended: boolean } | undefined>;
  /** Finds the livestream for a publisher to a channel, or creates it. */
  streamForChannel: (
    channel: Channel & { keyId: string },
  ) => Promise<
    { streamId: string } | { refusal: { code: 'capacity_reached' | 'shutting_down'; message: string } }
  >;
  findAccount: PublisherAccounts;
  clock: Clock;
  log: Logger;
  limits?: { failures: number; refillMs: number };
};

type KeyRequest = { protocol: StreamKeyProtocol; streamKey: string; address: string };
type SignedInRequest = Omit<KeyRequest, 'streamKey'> & { signedIn: { streamId: string; userId: string } };
/** Publisher with a stream key, or signed in and allowed to broadcast the livestream. */
type Request = (KeyRequest & { signedIn?: undefined }) | (SignedInRequest & { streamKey?: undefined });
type Code = keyof typeof MESSAGES;
type Refusal = { code: Code | 'capacity_reached' | 'shutting_down'; message: string };
type Admitted = { admitted: true; streamId: string; keyId?: string };
type Decision = Admitted | { admitted: false; refusal: Refusal };

const MESSAGES = {
  stream_key_unknown: 'This stream key is not known: copy it again from your livestream.',
  stream_key_throttled: 'Too many wrong stream keys from your address: wait a minute and try again.',
  stream_key_revoked: 'This stream key was revoked: use a new one.',
  stream_key_expired: 'This stream key has expired: use a new one.',
  stream_key_protocol:
    'This stream key may not be used with this protocol: use another protocol or another key.',
  stream_key_address: 'This stream key may not be used from your address: use another key.',
  account_barred: 'This account may not broadcast: ask an administrator.',
  livestream_ended: 'This livestream has ended: create a new one and use its stream key.',
  temporarily_unavailable: 'The server cannot check stream keys right now: try again in a moment.',
} as const;

/**
 * Creates the function that admits publishers (type `Admit` of the stream registry).
 *
 * Unknown keys are counted per network (IPv6: /64). A network above the limit is refused before its key is looked up,
 * so that guesses are not answered. Decisions about existing keys and signed-in publishers are recorded before they
 * are returned.
 */
export function createKeyAdmission(options: KeyAdmissionOptions): (request: Request) => Promise<Decision> {
  const { keys, clock, log } = options;
  const { failures, refillMs } = options.limits ?? {
    failures: MAXIMUM_FAILURES,
    refillMs: FAILURE_REFILL_MS,
  };
  const wrongKeys = new RateLimit(clock, { capacity: failures, refillMs });

  return async (request) => {
    if (request.signedIn) return await admitSignedIn(request, options);
    const from = networkBlock(request.address);
    if (wrongKeys.waitMs(from) > 0) return refuse('stream_key_throttled');
    const text = request.streamKey.trim(); // copied keys may carry whitespace
    try {
      const key = isStreamKey(text) ? await keys.findByHash(hashStreamKey(text)) : undefined;
      if (key) {
        const { protocol, address } = request;
        const decision = await decide(key, request, options);
        const streamId = decision.admitted ? decision.streamId : key.streamId;
        const outcome = decision.admitted ? 'admitted' : decision.refusal.code;
        await keys.recordUse({ keyId: key.id, streamId, protocol, address, outcome });
        return decision;
      }
    } catch (error) {
      log.error({ err: error }, 'stream key check failed: publisher refused');
      return refuse('temporarily_unavailable');
    }
    wrongKeys.take(from);
    return refuse('stream_key_unknown');
  };
}

async function admitSignedIn(request: SignedInRequest, options: KeyAdmissionOptions): Promise<Decision> {
  const { protocol, address, signedIn } = request;
  const { streamId, userId } = signedIn;
  try {
    const refusal = await livestreamRefusal(streamId, options);
    const outcome = refusal ?? 'admitted';
    await options.keys.recordSignIn({ streamId, userId, protocol, address, outcome });
    return refusal ? refuse(refusal) : { admitted: true, streamId };
  } catch (error) {
    options.log.error({ err: error }, 'publisher check failed: publisher refused');
    return refuse('temporarily_unavailable');
  }
}

/** Returns the reason why a livestream accepts no publisher; undefined when it does. */
async function livestreamRefusal(streamId: string, options: KeyAdmissionOptions): Promise<Code | undefined> {
  const stream = await options.findStream(streamId);
  if (!stream || stream.ended) return 'livestream_ended';
  return (await mayBroadcastAs(stream.userId, options.findAccount)) ? undefined : 'account_barred';
}

async function decide(key: StreamKey, request: KeyRequest, options: KeyAdmissionOptions): Promise<Decision> {
  const { streamForChannel, channels, clock } = options;
  const wrong = scopeRefusal(key, request, clock.now());
  if (wrong) return refuse(wrong);
  const keyId = key.id;
  if (key.userId !== null) {
    if (!(await mayBroadcastAs(key.userId, options.findAccount))) return refuse('account_barred');
    const found = await streamForChannel({ ...(await channels.of(key.userId)), keyId });
    if ('refusal' in found) return { admitted: false, refusal: found.refusal };
    return { admitted: true, streamId: found.streamId, keyId };
  }
  const streamId = key.streamId ?? '';
  const refusal = await livestreamRefusal(streamId, options);
  return refusal ? refuse(refusal) : { admitted: true, streamId, keyId };
}

/** Returns the restriction of a key that excludes this publisher; undefined when none does. */
function scopeRefusal(key: StreamKey, request: KeyRequest, now: number): Code | undefined {
  if (key.revokedAt) return 'stream_key_revoked';
  if (key.expiresAt && key.expiresAt.getTime() <= now) return 'stream_key_expired';
  if (key.protocols && !key.protocols.includes(request.protocol)) return 'stream_key_protocol';
  if (key.addressRanges && !isWithin(request.address, key.addressRanges)) return 'stream_key_address';
  return undefined;
}

function refuse(code: Code): Decision {
  return { admitted: false, refusal: { code, message: MESSAGES[code] } };
}
