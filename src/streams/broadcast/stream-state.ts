import type { BroadcastEnd } from './end-reason.js';

/** Where a stream is in its life. `offline` is the absence of a broadcast. */
export type StreamState =
  | { name: 'offline' }
  /** A publisher is connected; nothing can be watched yet. */
  | { name: 'starting' }
  | { name: 'live' }
  /** The publisher is gone; the broadcast waits for it until `until` (Unix ms). */
  | { name: 'reconnecting'; until: number }
  | { name: 'ending'; reason: BroadcastEnd };

export type StreamEvent =
  | { name: 'published' }
  | { name: 'playable' }
  /** The publication is gone and the broadcast may wait for another until `until` (Unix ms). */
  | { name: 'held'; until: number }
  | { name: 'ended'; reason: BroadcastEnd }
  | { name: 'gone' };

/** What happens next; undefined where the event has no meaning in this state (and nothing must happen). */
export function next(state: StreamState, event: StreamEvent): StreamState | undefined {
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
