import type { SourceInfo } from '../../media/index.js';
import type { OpenBroadcast } from './broadcast-table.js';
import type { BroadcastEnd } from './end-reason.js';
import type { StreamState } from './stream-state.js';

/** Told of a livestream that changed, and whether it may have changed who may watch it. Must not throw. */
export type UpdateListener = (streamId: string, accessChanged: boolean) => void;

/** The state of a stream as known from memory alone. */
export type StreamStatus = {
  state: StreamState;
  source: SourceInfo | undefined;
  notices: { topic: string; message: string }[];
};

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

/** The last step of a broadcast that an earlier gateway left behind too long ago. */
export function foundDead({ id, streamId, runs }: OpenBroadcast): StreamChange {
  return {
    streamId,
    broadcastId: id,
    from: 'reconnecting',
    to: { name: 'offline' },
    wasLive: runs > 0,
    end: 'found-dead',
  };
}
