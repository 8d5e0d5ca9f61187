import type { WebrtcRefusal } from './whip-whep-session.js';

/** Reason for which a WebRTC connection could not be made or was lost. */
export type PeerFailure =
  | { kind: 'refused'; refusal: WebrtcRefusal }
  /** Failed in the browser, before or after the answer. */
  | { kind: 'impossible'; detail: string }
  /** ICE or DTLS did not connect in time. */
  | { kind: 'unreachable' }
  /** Lost after it was connected. */
  | { kind: 'lost' };
