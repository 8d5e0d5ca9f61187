import type { BroadcastEnd } from './end-reason.js';

/** State of a stream. `offline` is the absence of a broadcast. */
export type StreamState =
  | { name: 'offline' }
  /** A publisher is connected; nothing is playable yet. */
  | { name: 'starting' }
  | { name: 'live' }
  /** The publisher disconnected; the broadcast waits until `until` (Unix ms). */
  | { name: 'reconnecting'; until: number }
  | { name: 'ending'; reason: BroadcastEnd };

export type StreamEvent =
  | { name: 'published' }
  | { name: 'playable' }
  /** The publication ended; the broadcast waits for another until `until` (Unix ms). */
  | { name: 'held'; until: number }
  | { name: 'ended'; reason: BroadcastEnd }
  | { name: 'gone' };

/** Returns the state after an event; undefined when the state does not accept it. */
export function nextState(state: StreamState, event: StreamEvent): StreamState | undefined {
  switch (event.name) {
    case 'published':
      return state.name === 'offline' || state.name === 'reconnecting' ? { name: 'starting' } : undefined;
    case 'playable':
      return state.name === 'starting' ? { name: 'live' } : undefined;
    case 'held':
      return state.name === 'starting' || state.name === 'live' || state.name === 'offline'
        ? { name: 'reconnecting', until: event.until }
        : undefined;
    case 'ended':
      return state.name === 'offline' || state.name === 'ending'
        ? undefined
        : { name: 'ending', reason: event.reason };
    case 'gone':
      return state.name === 'ending' ? { name: 'offline' } : undefined;
  }
}
