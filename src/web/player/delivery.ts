/** How media come to the viewer. */
export type Delivery = 'webrtc' | 'hls';
export type DeliveryChoice = 'auto' | Delivery;

/** Why WebRTC could not be had, or was left. */
export type TroubleKind =
  | 'unsupported' // the browser has no WebRTC
  | 'refused' // the server will not: another request of the same kind will fare no better
  | 'unavailable' // not now
  | 'unreachable' // no connection came about
  | 'no-media' // connected, but nothing to see or hear
  | 'lost' // it was connected
  | 'loss' // too many packets are lost
  | 'freezes'; // the picture stands still too often

export type Trouble = {
  kind: TroubleKind;
  /** The server's own words. */
  detail?: string;
  /** Seconds that the server wants to be left alone. */
  retryAfter?: number;
};

export type DeliveryState = {
  choice: DeliveryChoice;
  /** What the video element plays, or is to play as soon as it can. */
  plays: Delivery;
  /** `dialing` while HLS plays: a connection is made beside it. `waiting`: until `at`. */
  webrtc: 'off' | 'dialing' | 'flowing' | 'waiting';
  /** Milliseconds: of the next attempt while `waiting`; since when it flows while `flowing`. */
  at: number;
  /** Attempts in a row that came to nothing. */
  failures: number;
  /** Why WebRTC was left, or could not be had, the last time. */
  fallback: Trouble | undefined;
};

export type DeliveryEvent =
  /** Media arrive by WebRTC. */
  | { type: 'flowing' }
  /** The connection, or the attempt at one, is over. */
  | { type: 'failed'; trouble: Trouble }
  /** The connection stands, but is poor. */
  | { type: 'poor'; trouble: Trouble }
  | { type: 'chose'; choice: DeliveryChoice }
  /** Time goes by. `mayClimb`: a change of delivery would suit the viewer now. */
  | { type: 'tick'; mayClimb: boolean }
  /** The network has changed: what failed may work now. */
  | { type: 'network' };

/** Milliseconds between attempts: doubled each time, from the first to the last. */
const CLIMB_MS = { first: 8_000, last: 300_000 } as const;
/** For viewers who chose WebRTC: they see nothing meanwhile. */
const INSIST_MS = { first: 2_000, last: 30_000 } as const;
/** Least time before a server that refused is asked again. */
const REFUSED_MS = 60_000;
/** A connection that flowed for so long is dialled again at once when it is lost. */
const WORTH_REDIALING_MS = 10_000;
/** One that flowed for so long makes earlier failures forgotten. */
const PROVEN_MS = 60_000;

/** Where a player begins. `possible`: the browser has WebRTC. */
export function firstDelivery(choice: DeliveryChoice, possible: boolean): DeliveryState {
  const begun = { choice, at: 0, failures: 0, fallback: undefined };
  if (!possible) return { ...begun, plays: 'hls', webrtc: 'off', fallback: { kind: 'unsupported' } };
  if (choice === 'hls') return { ...begun, plays: 'hls', webrtc: 'off' };
  return { ...begun, plays: 'webrtc', webrtc: 'dialing' };
}

/**
 * Decides how the viewer is served from here on. Pure: falling back and climbing up again are this table.
 * `now` in milliseconds of any clock, `random` in [0, 1).
 */
export function nextDelivery(
  state: DeliveryState,
  event: DeliveryEvent,
  now: number,
  random = Math.random(),
): DeliveryState {
  switch (event.type) {
    case 'flowing':
      if (state.webrtc !== 'dialing') return state;
      return { ...state, plays: 'webrtc', webrtc: 'flowing', at: now };
    case 'failed':
      return failed(state, event.trouble, now, random);
    case 'poor':
      // Who chose WebRTC has it, poor or not.
      return state.choice === 'webrtc' ? state : failed(state, event.trouble, now, random);
    case 'chose':
      return chose(state, event.choice);
    case 'tick':
      return ticked(state, event.mayClimb, now);
    case 'network':
      return state.webrtc === 'waiting' ? { ...state, failures: 0, at: now } : state;
  }
}

function failed(state: DeliveryState, trouble: Trouble, now: number, random: number): DeliveryState {
  if (state.webrtc !== 'dialing' && state.webrtc !== 'flowing') return state;
  const flowed = state.webrtc === 'flowing' ? now - state.at : 0;
  if (trouble.kind === 'lost' && flowed >= WORTH_REDIALING_MS)
    return { ...state, webrtc: 'dialing', failures: flowed >= PROVEN_MS ? 0 : state.failures };
  const failures = (flowed >= PROVEN_MS ? 0 : state.failures) + 1;
  return {
    ...state,
    // What plays goes on; but who let us choose is not left without a picture.
    plays: state.choice === 'webrtc' ? state.plays : 'hls',
    webrtc: 'waiting',
    at: now + delay(state.choice, failures, trouble, random),
    failures,
    fallback: trouble,
  };
}

function delay(choice: DeliveryChoice, failures: number, trouble: Trouble, random: number): number {
  const { first, last } = choice === 'webrtc' ? INSIST_MS : CLIMB_MS;
  const backOff = Math.min(last, first * 2 ** Math.min(failures - 1, 20));
  const least = trouble.kind === 'refused' && choice !== 'webrtc' ? REFUSED_MS : 0;
  return Math.max(backOff, least, (trouble.retryAfter ?? 0) * 1_000) * (0.8 + 0.4 * random);
}

function chose(state: DeliveryState, choice: DeliveryChoice): DeliveryState {
  if (choice === state.choice || state.fallback?.kind === 'unsupported') return state;
  if (choice === 'hls') return { ...state, choice, plays: 'hls', webrtc: 'off', failures: 0 };
  if (state.webrtc === 'flowing' || state.webrtc === 'dialing') return { ...state, choice };
  // Whoever asks for it gets it tried at once.
  return { ...state, choice, webrtc: 'dialing', failures: 0 };
}

function ticked(state: DeliveryState, mayClimb: boolean, now: number): DeliveryState {
  if (state.webrtc === 'flowing' && state.failures > 0 && now - state.at >= PROVEN_MS)
    return { ...state, failures: 0 };
  if (state.webrtc !== 'waiting' || now < state.at) return state;
  return state.plays === 'webrtc' || mayClimb ? { ...state, webrtc: 'dialing' } : state;
}

const SENTENCES: Record<TroubleKind, string> = {
  unsupported: 'this browser has no WebRTC',
  refused: 'the server refused WebRTC',
  unavailable: 'WebRTC is not available at the moment',
  unreachable: 'no WebRTC connection to the server came about; UDP may be blocked',
  'no-media': 'nothing arrived by WebRTC',
  lost: 'the WebRTC connection was lost',
  loss: 'the network loses too much for WebRTC',
  freezes: 'the picture kept freezing by WebRTC',
};

/** Why the viewer has not got WebRTC, in a line; undefined while they have it, or don't want it. */
export function deliveryNote({ choice, plays, webrtc, fallback }: DeliveryState): string | undefined {
  if (choice === 'hls' || webrtc === 'flowing' || !fallback) return undefined;
  const why = SENTENCES[fallback.kind] + (fallback.detail ? ` (${fallback.detail.replace(/\.$/, '')})` : '');
  if (plays === 'hls') return `Playing by HLS: ${why}.`;
  return `${why.charAt(0).toUpperCase()}${why.slice(1)}. Trying again…`;
}
