import type { Cancel, Clock, Logger } from '../platform/index.js';
import type {
  Broadcast,
  BroadcastEnd,
  BroadcastSubscriber,
  BroadcastSubscription,
} from '../streams/index.js';
import type { SegmentListener } from './completed-segment.js';
import { BroadcastPresentation, type Presentation } from './presentation.js';

export type PackagerOptions = {
  clock: Clock;
  log: Logger;
  /** Default 0.333. Adjusted so that a segment has a whole number of parts. */
  partDurationS?: number;
  /** Default 2. */
  segmentDurationS?: number;
  /** Length of playlists; default 30. */
  windowDurationS?: number;
  /** Maximum bytes of media in memory per broadcast; default 256 MiB. */
  windowBytes?: number;
  /** Time for which an ended broadcast remains playable, ms; default 60,000. */
  retentionMs?: number;
  /** Maximum blocked requests per broadcast; default 20,000. */
  maximumWaitingRequests?: number;
};

/** Reads the renditions of every broadcast and keeps their playlists and media in memory. */
export type Packager = BroadcastSubscriber & {
  /** Returns the stream's newest broadcast, or the one with this id. */
  findPresentation(streamId: string, broadcastId?: string): Presentation | undefined;
  /** Drops the media of a private test, which is about to end; of a running broadcast those that begin from now on stay. */
  testEnding(streamId: string): void;
  /** Calls the listener with every segment of every broadcast that is complete from now on. */
  onSegment(listener: SegmentListener): void;
  /** Ends all blocked requests and removes all broadcasts. Idempotent. */
  close(): void;
};

export function createPackager(options: PackagerOptions): Packager {
  const {
    clock,
    log,
    partDurationS = 0.333,
    segmentDurationS = 2,
    windowDurationS = 15,
    windowBytes = 256 * 2 ** 20,
    retentionMs = 60_000,
    maximumWaitingRequests = 20_000,
  } = options;
  const parts = Math.max(1, Math.round(segmentDurationS / partDurationS));
  const byStream = new Map<string, BroadcastPresentation[]>();
  const timers = new Set<Cancel>();
  const segmentListeners: SegmentListener[] = [];
  let closed = false;

  const forget = (presentation: BroadcastPresentation): void => {
    presentation.close();
    const left = (byStream.get(presentation.streamId) ?? []).filter((other) => other !== presentation);
    if (left.length > 0) byStream.set(presentation.streamId, left);
    else byStream.delete(presentation.streamId);
  };

  return {
    name: 'packager',

    subscribe(broadcast: Broadcast): BroadcastSubscription {
      const presentation = new BroadcastPresentation(broadcast, {
        partDurationS: segmentDurationS / parts,
        segmentDurationS,
        windowDurationS,
        windowBytes,
        maximumWaitingRequests,
        onSegment: (...completed) => {
          for (const listener of segmentListeners) listener(...completed);
        },
        clock,
        log: log.child({ streamId: broadcast.streamId, broadcastId: broadcast.id }),
      });
      if (!closed) {
        byStream.set(broadcast.streamId, [presentation, ...(byStream.get(broadcast.streamId) ?? [])]);
      }
      return {
        encoderRunStarted: (run) => presentation.encoderRunStarted(run),
        broadcastEnded: async (reason: BroadcastEnd) => {
          presentation.endBroadcast(reason);
          if (presentation.bytes === 0 || closed) return forget(presentation);
          const cancel = clock.after(retentionMs, () => {
            timers.delete(cancel);
            forget(presentation);
          });
          timers.add(cancel);
        },
      };
    },

    findPresentation(streamId, broadcastId) {
      const presentations = byStream.get(streamId);
      if (broadcastId === undefined) return presentations?.[0];
      return presentations?.find((presentation) => presentation.broadcastId === broadcastId);
    },

    testEnding(streamId) {
      for (const presentation of byStream.get(streamId) ?? []) {
        if (presentation.ended) forget(presentation);
        else presentation.beginAnew();
      }
    },

    onSegment(listener) {
      segmentListeners.push(listener);
    },

    close() {
      closed = true;
      for (const cancel of timers) cancel();
      timers.clear();
      for (const presentation of [...byStream.values()].flat()) forget(presentation);
    },
  };
}
