import type { SourceInfo } from '../../media/index.js';
import { sleep } from '../../platform/index.js';
import { type Offer, parseOffer, type RtcVideoCodec, readRemoteCandidates } from '../../webrtc/index.js';
import { CONNECT_TIMEOUT_MS, type TargetConnection } from '../target-connection.js';
import { connectionFailed, TargetError, type TargetErrorCode, targetErrorOf } from '../target-error.js';
import { WhipClient, type WhipClientOptions } from './whip-client.js';

/** WebRTC session that sends the broadcast; the gateway's viewer sessions are of this kind. */
export type SendingSession = {
  readonly connected: Promise<void>;
  /** Media bytes so far. */
  readonly sentBytes: number;
  readonly ended: Promise<{ reason: string; message: string }>;
  leave(): void;
};

/** Offer of such a session. */
export type SendingOffer = {
  readonly offer: string;
  accept(answer: Offer): Promise<SendingSession | undefined>;
  close(): void;
};

export type WhipConnectionOptions = WhipClientOptions & {
  /** Opens a session of the broadcast; undefined when there is none. */
  openOffer(codec: RtcVideoCodec | undefined): Promise<SendingOffer | undefined>;
  /** Description of the source, as far as known. */
  info(): SourceInfo | undefined;
  signal: AbortSignal;
};

/** Reasons of the end, for the owner of the target, who is no viewer. */
const ENDS: Record<string, TargetErrorCode> = { left: 'ended', lost: 'connection_lost' };
/** Maximum wait until the codec of the source is known, ms. */
const CODEC_WAIT_MS = 3_000;
const CODEC_POLL_MS = 50;

/**
 * Publishes by WHIP (RFC 9725). The media is that of WebRTC viewers: H.264 without B-frames is passed through, audio of
 * RTMP is encoded to Opus, a WHIP source is forwarded.
 *
 * @throws TargetError or an error of the connection, for `targetErrorOf`
 */
export async function connectWhip(options: WhipConnectionOptions): Promise<TargetConnection> {
  const { policy, openOffer, signal } = options;
  const client = new WhipClient(options);
  const sending = await openOffer(await sentCodec(options));
  if (!sending) throw new TargetError('nothing_broadcast');
  let isAccepted = false;
  try {
    const session = await client.offer(sending.offer, signal);
    try {
      const answer = readAnswer(session.answer, policy);
      isAccepted = true;
      const peer = await sending.accept(answer);
      if (!peer) throw new TargetError('nothing_broadcast');
      await untilConnected(peer, options);
      return openConnection(peer, () => client.end(session));
    } catch (error) {
      await client.end(session);
      throw error;
    }
  } catch (error) {
    if (!isAccepted) sending.close();
    throw error;
  }
}

async function untilConnected(peer: SendingSession, { clock, signal }: WhipConnectionOptions): Promise<void> {
  const late = new AbortController();
  const waited = AbortSignal.any([signal, late.signal]);
  const isConnected = await Promise.race([
    peer.connected.then(() => true),
    peer.ended.then(() => false),
    sleep(clock, CONNECT_TIMEOUT_MS, waited).then(() => false),
  ]);
  late.abort();
  if (isConnected && !signal.aborted) return;
  peer.leave();
  throw new TargetError('webrtc_failed');
}

function openConnection(peer: SendingSession, end: () => Promise<void>): TargetConnection {
  const closed = peer.ended.then(async ({ reason, message }) => {
    await end();
    const code = ENDS[reason];
    return code ? new TargetError(code) : connectionFailed(message);
  });
  return {
    reader: undefined,
    closed,
    traffic: {
      get sentBytes() {
        return peer.sentBytes;
      },
      isBlocked: false,
      droppedFrames: 0,
    },
    close: () => peer.leave(),
    destroy: () => peer.leave(),
  };
}

/** Waits for the video codec, which the offer must name alone: servers choose any of several. */
async function sentCodec({ info, clock, signal }: WhipConnectionOptions): Promise<RtcVideoCodec | undefined> {
  const end = clock.monotonic() + CODEC_WAIT_MS;
  while (!signal.aborted && !info()?.video && clock.monotonic() < end)
    await sleep(clock, CODEC_POLL_MS, signal);
  const { protocol, video } = info() ?? {};
  if (!video) return undefined;
  // Other publishers get a rendition for WebRTC.
  return protocol === 'whip' && video.codec !== 'hevc' ? video.codec : 'h264';
}

/** Parses the answer; its addresses must be allowed. */
function readAnswer(text: string, policy: WhipClientOptions['policy']): Offer {
  try {
    const { media, transport } = parseOffer(text);
    const candidates = readRemoteCandidates(text).filter(({ address }) => policy.allows(address));
    if (candidates.length === 0) throw new TargetError('no_webrtc_address');
    return { media, transport: { ...transport, candidates } };
  } catch (error) {
    if (error instanceof TargetError) throw error;
    throw new TargetError(
      'answer_invalid',
      `The answer of the target cannot be used: ${targetErrorOf(error).message}`,
    );
  }
}
