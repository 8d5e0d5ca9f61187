import type { Refusal } from './whip-whep-session.js';

/** Why there is no WebRTC connection (any more). */
export type PeerFailure =
  | { kind: 'refused'; refusal: Refusal }
  /** The browser could not do it. */
  | { kind: 'impossible'; detail: string }
  /** No connection came about. */
  | { kind: 'unreachable' }
  /** It stood before. */
  | { kind: 'lost' };
