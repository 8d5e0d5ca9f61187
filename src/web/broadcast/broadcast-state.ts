import type { PeerFailure } from '../webrtc/peer-failure.js';

export type BroadcastState = {
  /**
   * `waiting`: to try again at `at`. `refused`: given up, because trying again would fare no better.
   * `ended`: by the person.
   */
  name: 'idle' | 'connecting' | 'live' | 'waiting' | 'refused' | 'ended';
  /** Milliseconds: of the next attempt while `waiting`; since when it is live while `live`. */
  at: number;
  /** Attempts in a row that came to nothing. */
  failures: number;
  /** How often it was live again after it had been lost. */
  reconnects: number;
  /** It was live at some time. */
  begun: boolean;
  /** A sentence: why it is `waiting` or `refused`. */
  why?: string;
};

export type BroadcastEvent =
  | { type: 'begin' }
  | { type: 'connected' }
  | { type: 'failed'; failure: PeerFailure }
  /** What is to be sent has changed so that it needs a new connection. */
  | { type: 'renew' }
  | { type: 'tick' }
  /** The network has changed: what failed may work now. */
  | { type: 'network' }
  | { type: 'end' };

export const IDLE: BroadcastState = { name: 'idle', at: 0, failures: 0, reconnects: 0, begun: false };

const BACK_OFF_MS = { first: 1_000, last: 15_000 } as const;
/** Live for so long makes earlier failures forgotten. */
const PROVEN_MS = 30_000;
/** Statuses that will be the same the next time (RFC 9725, RFC 9110): the request or the key is at fault. */
const FINAL = new Set([400, 401, 403, 404, 405, 406, 410, 413, 415]);
/** Somebody publishes already: final for who comes new, but after a loss it may be ourselves. */
const CONFLICT = 409;
/** Code of a server that knows that it was somebody else. */
const REPLACED = 'publication_replaced';

/** Decides what becomes of a broadcast. Pure. `now` in milliseconds of any clock, `random` in [0, 1). */
export function nextBroadcast(
  state: BroadcastState,
  event: BroadcastEvent,
  now: number,
  random = Math.random(),
): BroadcastState {
  const running = state.name === 'connecting' || state.name === 'live' || state.name === 'waiting';
  switch (event.type) {
    case 'begin':
      return running ? state : { ...IDLE, name: 'connecting' };
    case 'end':
      return running ? { ...without(state), name: 'ended' } : state;
    case 'connected':
      if (state.name !== 'connecting') return state;
      return {
        ...without(state),
        ...{ name: 'live', at: now, begun: true },
        reconnects: state.reconnects + (state.begun ? 1 : 0),
      };
    case 'failed':
      return failed(state, event.failure, now, random);
    case 'renew':
      return state.name === 'live' ? { ...state, name: 'connecting' } : state;
    case 'tick':
      return state.name === 'waiting' && now >= state.at ? { ...state, name: 'connecting' } : state;
    case 'network':
      return state.name === 'waiting' ? { ...state, at: now, failures: 0 } : state;
  }
}

/** The person is on air, or means to be. */
export function isOnAir({ name }: BroadcastState): boolean {
  return name === 'connecting' || name === 'live' || name === 'waiting';
}

function failed(state: BroadcastState, failure: PeerFailure, now: number, random: number): BroadcastState {
  if (state.name !== 'connecting' && state.name !== 'live') return state;
  const why = sentence(failure);
  if (isFinal(failure, state.begun)) return { ...state, name: 'refused', why };
  const proven = state.name === 'live' && now - state.at >= PROVEN_MS;
  const failures = (proven ? 0 : state.failures) + 1;
  const backOff = Math.min(BACK_OFF_MS.last, BACK_OFF_MS.first * 2 ** Math.min(failures - 1, 10));
  const asked = failure.kind === 'refused' ? (failure.refusal.retryAfter ?? 0) * 1_000 : 0;
  return {
    ...state,
    name: 'waiting',
    at: now + Math.max(backOff, asked) * (0.8 + 0.4 * random),
    failures,
    why,
  };
}

function isFinal(failure: PeerFailure, begun: boolean): boolean {
  if (failure.kind === 'impossible') return true;
  if (failure.kind !== 'refused') return false;
  const { status, code } = failure.refusal;
  return FINAL.has(status) || (status === CONFLICT && (!begun || code === REPLACED));
}

function sentence(failure: PeerFailure): string {
  switch (failure.kind) {
    case 'refused':
      return failure.refusal.message;
    case 'impossible':
      return `The browser could not do it: ${failure.detail}`;
    case 'unreachable':
      return 'No connection to the server came about; UDP may be blocked.';
    case 'lost':
      return 'The connection was lost.';
  }
}

function without({ why: _why, ...state }: BroadcastState): BroadcastState {
  return state;
}
