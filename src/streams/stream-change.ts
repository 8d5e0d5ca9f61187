import type { BroadcastEnd } from './end-reason.js';
import type { StreamState } from './stream-state.js';

/** A step in the life of a broadcast. */
export type StreamChange = {
  streamId: string;
  broadcastId: string;
  from: StreamState['name'];
  to: StreamState;
  /** Whether viewers had been able to watch this broadcast before. */
  wasLive: boolean;
  /** Set with the last step, to `offline`. */
  end?: BroadcastEnd;
};
