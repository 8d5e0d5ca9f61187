import type { ErrorCode } from '../../api/contract.js';
import { broadcastTexts } from '../texts/broadcast.js';
import type { PeerFailure } from '../webrtc/peer-failure.js';

export type BroadcastState = {
  /**
   * `waiting`: the next attempt is at `atMs`. `refused`: given up, as another attempt would fail too. `ended`: by the
   * user.
   */
  name: 'idle' | 'connecting' | 'live' | 'waiting' | 'refused' | 'ended';
  /** Time of the next attempt while `waiting`; time of the connect while `live`. */
  atMs: number;
  /** Consecutive failed attempts. */
  failureCount: number;
  /** Connections after the first. */
  reconnects: number;
  /** True once the broadcast has been live. */
  wasLive: boolean;
  /** Message for the user: why it is `waiting` or `refused`. */
  reason?: string;
};

export type BroadcastEvent =
  | { type: 'begin' }
  | { type: 'connected' }
  | { type: 'failed'; failure: PeerFailure }
  /** The tracks changed so that a new connection is needed. */
  | { type: 'renew' }
  | { type: 'tick' }
  /** The network changed: attempts that failed may succeed now. */
  | { type: 'network' }
  | { type: 'end' };

export const IDLE: BroadcastState = { name: 'idle', atMs: 0, failureCount: 0, reconnects: 0, wasLive: false };

const RETRY_MS = { first: 1_000, last: 15_000 } as const;
/** A connection that lasted longer resets the back-off. */
const STABLE_AFTER_MS = 30_000;
/** Final statuses (RFC 9725, RFC 9110): the request or the key is at fault. */
const FINAL_STATUSES = new Set([400, 401, 403, 404, 405, 406, 410, 413, 415]);
/** A publisher is live already. Final on the first attempt; after a loss it may be the lost session of this page. */
const CONFLICT = 409;
/** Error code of a session that another publisher took over. */
const REPLACED: ErrorCode = 'publication_replaced';

/** State table of a broadcast. Pure. `nowMs` is of any monotonic clock, `random` in [0, 1). */
export function nextBroadcast(
  state: BroadcastState,
  event: BroadcastEvent,
  nowMs: number,
  random = Math.random(),
): BroadcastState {
  const running = state.name === 'connecting' || state.name === 'live' || state.name === 'waiting';
  switch (event.type) {
    case 'begin':
      return running ? state : { ...IDLE, name: 'connecting' };
    case 'end':
      return running ? { ...withoutReason(state), name: 'ended' } : state;
    case 'connected':
      if (state.name !== 'connecting') return state;
      return {
        ...withoutReason(state),
        ...{ name: 'live', atMs: nowMs, wasLive: true },
        reconnects: state.reconnects + (state.wasLive ? 1 : 0),
      };
    case 'failed':
      return connectionFailed(state, event.failure, nowMs, random);
    case 'renew':
      return state.name === 'live' ? { ...state, name: 'connecting' } : state;
    case 'tick':
      return state.name === 'waiting' && nowMs >= state.atMs ? { ...state, name: 'connecting' } : state;
    case 'network':
      return state.name === 'waiting' ? { ...state, atMs: nowMs, failureCount: 0 } : state;
  }
}

/** True from the start of a broadcast to its end, reconnects included. */
export function isOnAir({ name }: BroadcastState): boolean {
  return name === 'connecting' || name === 'live' || name === 'waiting';
}

function connectionFailed(
  state: BroadcastState,
  failure: PeerFailure,
  nowMs: number,
  random: number,
): BroadcastState {
  if (state.name !== 'connecting' && state.name !== 'live') return state;
  const reason = reasonOf(failure);
  if (isFinal(failure, state.wasLive)) return { ...state, name: 'refused', reason };
  const stable = state.name === 'live' && nowMs - state.atMs >= STABLE_AFTER_MS;
  const failureCount = (stable ? 0 : state.failureCount) + 1;
  const backOffMs = Math.min(RETRY_MS.last, RETRY_MS.first * 2 ** Math.min(failureCount - 1, 10));
  const retryAfterMs = failure.kind === 'refused' ? (failure.refusal.retryAfterS ?? 0) * 1_000 : 0;
  return {
    ...state,
    name: 'waiting',
    atMs: nowMs + Math.max(backOffMs, retryAfterMs) * (0.8 + 0.4 * random),
    failureCount,
    reason,
  };
}

function isFinal(failure: PeerFailure, wasLive: boolean): boolean {
  if (failure.kind === 'impossible') return true;
  if (failure.kind !== 'refused') return false;
  const { status, code } = failure.refusal;
  return FINAL_STATUSES.has(status) || (status === CONFLICT && (!wasLive || code === REPLACED));
}

function reasonOf(failure: PeerFailure): string {
  switch (failure.kind) {
    case 'refused':
      return failure.refusal.message;
    case 'impossible':
      return broadcastTexts.impossible(failure.detail);
    case 'unreachable':
      return broadcastTexts.unreachable;
    case 'lost':
      return broadcastTexts.connectionLost;
  }
}

function withoutReason({ reason: _reason, ...state }: BroadcastState): BroadcastState {
  return state;
}
