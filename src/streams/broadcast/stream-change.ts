import type { SourceInfo } from '../../media/index.js';
import type { OpenBroadcast } from './broadcast-table.js';
import type { BroadcastEnd } from './end-reason.js';
import type { StreamState } from './stream-state.js';

/** State of a stream, from memory. */
export type StreamStatus = {
  state: StreamState;
  source: SourceInfo | undefined;
  notices: { topic: string; message: string }[];
};

/** State change of a broadcast. */
export type StreamChange = {
  streamId: string;
  broadcastId: string;
  from: StreamState['name'];
  to: StreamState;
  /** Whether the broadcast was live before. */
  wasLive: boolean;
  /** Set with the last change, to `offline`. */
  end?: BroadcastEnd;
};

/** Returns the last change of a broadcast whose grace period ended while no gateway ran. */
export function graceExpiredChange({ id, streamId, runs }: OpenBroadcast): StreamChange {
  return {
    streamId,
    broadcastId: id,
    from: 'reconnecting',
    to: { name: 'offline' },
    wasLive: runs > 0,
    end: 'found-dead',
  };
}
