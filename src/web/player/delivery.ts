import { playerTexts } from '../texts/player.js';

/** Protocol by which media are delivered. */
export type Delivery = 'webrtc' | 'hls';
export type DeliveryChoice = 'auto' | Delivery;

/** Reason for which WebRTC failed or was given up. */
export type DeliveryFailureKind =
  | 'unsupported' // no WebRTC in this browser
  | 'refused' // final: the same request would be refused again
  | 'unavailable' // temporary
  | 'unreachable' // no ICE connection
  | 'no-media' // connected, but no media arrive
  | 'lost' // lost after it was connected
  | 'loss' // packet loss is too high
  | 'freezes'; // the video freezes too often

export type DeliveryFailure = {
  kind: DeliveryFailureKind;
  /** Message of the server. */
  detail?: string;
  /** Seconds, from Retry-After. */
  retryAfterS?: number;
};

export type DeliveryState = {
  choice: DeliveryChoice;
  /** Protocol that the video element plays, or will play once it can. */
  active: Delivery;
  /** `connecting` while HLS is active: WebRTC is tried in parallel. `waiting`: the next attempt is at `atMs`. */
  webrtc: 'off' | 'connecting' | 'receiving' | 'waiting';
  /** Time of the next attempt while `waiting`; time of the first media while `receiving`. */
  atMs: number;
  /** Consecutive failed attempts. */
  failureCount: number;
  /** Last failure of WebRTC. */
  lastFailure: DeliveryFailure | undefined;
};

export type DeliveryEvent =
  /** The first media arrived by WebRTC. */
  | { type: 'receiving' }
  /** The connection, or the attempt at one, failed. */
  | { type: 'failed'; failure: DeliveryFailure }
  /** The connection stands, but its quality is poor. */
  | { type: 'poor'; failure: DeliveryFailure }
  | { type: 'chose'; choice: DeliveryChoice }
  /** A second passed. `mayUpgrade`: a change to WebRTC would not disturb the viewer now. */
  | { type: 'tick'; mayUpgrade: boolean }
  /** The network changed: attempts that failed may succeed now. */
  | { type: 'network' };

/** Back-off while HLS plays. */
const UPGRADE_MS = { first: 8_000, last: 300_000 } as const;
/** Back-off for viewers who chose WebRTC: no HLS plays meanwhile. */
const CHOSEN_RETRY_MS = { first: 2_000, last: 30_000 } as const;
/** Minimum delay after a final refusal. */
const REFUSED_RETRY_MS = 60_000;
/** A connection that received for this long is reconnected at once when it is lost, without falling back to HLS. */
const RECONNECT_AT_ONCE_AFTER_MS = 10_000;
/** A connection that received for this long resets the back-off. */
const STABLE_AFTER_MS = 60_000;

/** Returns the state in which a player starts. `supported`: the browser has WebRTC. */
export function initialDelivery(choice: DeliveryChoice, supported: boolean): DeliveryState {
  const initial = { choice, atMs: 0, failureCount: 0, lastFailure: undefined };
  if (!supported) return { ...initial, active: 'hls', webrtc: 'off', lastFailure: { kind: 'unsupported' } };
  if (choice === 'hls') return { ...initial, active: 'hls', webrtc: 'off' };
  return { ...initial, active: 'webrtc', webrtc: 'connecting' };
}

/** State table of fallback to HLS and return to WebRTC. Pure. `nowMs` is of any monotonic clock, `random` in [0, 1). */
export function nextDelivery(
  state: DeliveryState,
  event: DeliveryEvent,
  nowMs: number,
  random = Math.random(),
): DeliveryState {
  switch (event.type) {
    case 'receiving':
      if (state.webrtc !== 'connecting') return state;
      return { ...state, active: 'webrtc', webrtc: 'receiving', atMs: nowMs };
    case 'failed':
      return webrtcFailed(state, event.failure, nowMs, random);
    case 'poor':
      // A viewer who chose WebRTC keeps it at any quality.
      return state.choice === 'webrtc' ? state : webrtcFailed(state, event.failure, nowMs, random);
    case 'chose':
      return deliveryChosen(state, event.choice);
    case 'tick':
      return afterTick(state, event.mayUpgrade, nowMs);
    case 'network':
      return state.webrtc === 'waiting' ? { ...state, failureCount: 0, atMs: nowMs } : state;
  }
}

function webrtcFailed(
  state: DeliveryState,
  failure: DeliveryFailure,
  nowMs: number,
  random: number,
): DeliveryState {
  if (state.webrtc !== 'connecting' && state.webrtc !== 'receiving') return state;
  const receivedMs = state.webrtc === 'receiving' ? nowMs - state.atMs : 0;
  if (failure.kind === 'lost' && receivedMs >= RECONNECT_AT_ONCE_AFTER_MS)
    return {
      ...state,
      webrtc: 'connecting',
      failureCount: receivedMs >= STABLE_AFTER_MS ? 0 : state.failureCount,
    };
  const failureCount = (receivedMs >= STABLE_AFTER_MS ? 0 : state.failureCount) + 1;
  return {
    ...state,
    // HLS keeps playing; in automatic mode it takes over from WebRTC.
    active: state.choice === 'webrtc' ? state.active : 'hls',
    webrtc: 'waiting',
    atMs: nowMs + retryDelayMs(state.choice, failureCount, failure, random),
    failureCount,
    lastFailure: failure,
  };
}

function retryDelayMs(
  choice: DeliveryChoice,
  failureCount: number,
  failure: DeliveryFailure,
  random: number,
): number {
  const { first: firstMs, last: lastMs } = choice === 'webrtc' ? CHOSEN_RETRY_MS : UPGRADE_MS;
  const backOffMs = Math.min(lastMs, firstMs * 2 ** Math.min(failureCount - 1, 20));
  const minimumMs = failure.kind === 'refused' && choice !== 'webrtc' ? REFUSED_RETRY_MS : 0;
  return Math.max(backOffMs, minimumMs, (failure.retryAfterS ?? 0) * 1_000) * (0.8 + 0.4 * random);
}

function deliveryChosen(state: DeliveryState, choice: DeliveryChoice): DeliveryState {
  if (choice === state.choice || state.lastFailure?.kind === 'unsupported') return state;
  if (choice === 'hls') return { ...state, choice, active: 'hls', webrtc: 'off', failureCount: 0 };
  if (state.webrtc === 'receiving' || state.webrtc === 'connecting') return { ...state, choice };
  // An explicit choice is tried without back-off.
  return { ...state, choice, webrtc: 'connecting', failureCount: 0 };
}

function afterTick(state: DeliveryState, mayUpgrade: boolean, nowMs: number): DeliveryState {
  if (state.webrtc === 'receiving' && state.failureCount > 0 && nowMs - state.atMs >= STABLE_AFTER_MS)
    return { ...state, failureCount: 0 };
  if (state.webrtc !== 'waiting' || nowMs < state.atMs) return state;
  return state.active === 'webrtc' || mayUpgrade ? { ...state, webrtc: 'connecting' } : state;
}

/** Returns the reason for which WebRTC does not play, as a sentence; undefined when it plays or is not wanted. */
export function deliveryNote({ choice, active, webrtc, lastFailure }: DeliveryState): string | undefined {
  if (choice === 'hls' || webrtc === 'receiving' || !lastFailure) return undefined;
  const reason =
    playerTexts.reasons[lastFailure.kind] +
    (lastFailure.detail ? ` (${lastFailure.detail.replace(/\.$/, '')})` : '');
  if (active === 'hls') return playerTexts.byHlsBecause(reason);
  return playerTexts.tryingAgain(reason);
}
