import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Test } from 'tap';
import { type TrackInit, writeFragment } from '../../../src/media/index.js';
import type { CompletedSegment, SegmentListener } from '../../../src/packager/index.js';
import { createLog, newId, type Sql, systemClock } from '../../../src/platform/index.js';
import { type Recording, Recordings, type RecordingsOptions } from '../../../src/recordings/index.js';
import {
  type Broadcast,
  type BroadcastSubscriber,
  type BroadcastSubscription,
  Livestreams,
  StreamRegistry,
} from '../../../src/streams/index.js';
import { testDatabase } from '../fixtures/database.js';
import { until } from '../until.js';

export const SEGMENT_S = 2;
const TIMESCALE = 90_000;

/** Creates a segment of one sample, `sizeBytes` long. */
export function syntheticSegment(
  msn: number,
  { renditionId = '720p', run = 0, sizeBytes = 1_000, durationS = SEGMENT_S } = {},
): CompletedSegment {
  const kind = renditionId === 'audio' ? 'audio' : 'video';
  const common = { trackId: 1, timescale: TIMESCALE, defaults: { duration: 0, size: 0, flags: 0 } };
  const init: TrackInit =
    kind === 'video'
      ? {
          ...common,
          data: Buffer.from('init of video'),
          codec: 'avc1.64001f',
          kind,
          width: 1280,
          height: 720,
        }
      : {
          ...common,
          data: Buffer.from('init of audio'),
          codec: 'mp4a.40.2',
          kind,
          channels: 2,
          sampleRate: 48_000,
        };
  const decodeTime = (10 + msn * SEGMENT_S) * TIMESCALE;
  const sample = { duration: durationS * TIMESCALE, compositionOffset: 0, flags: 0, sync: true };
  const data = Buffer.alloc(sizeBytes - 124, msn % 256);
  const part = writeFragment({
    trackId: 1,
    sequence: msn,
    decodeTime,
    samples: [{ ...sample, decodeTime, data }],
  });
  return {
    ...{ renditionId, init, frameRate: kind === 'video' ? 30 : undefined, run, msn, durationS },
    slate: undefined,
    programDateTimeMs: Date.UTC(2026, 0, 1) + msn * SEGMENT_S * 1000,
    sizeBytes: part.length,
    parts: [part],
  };
}

export type RecordingsFixture = {
  sql: Sql;
  folder: string;
  livestreams: Livestreams;
  streams: StreamRegistry;
  recordings: Recordings;
  ready: Recording[];
  /** Opens another process on the same database and folder. */
  openAnother(over?: Partial<RecordingsOptions>): Promise<{ recordings: Recordings; feed: SegmentListener }>;
  /** Creates a livestream. @returns its id */
  create(recordingEnabled?: boolean, userId?: string | null): Promise<string>;
  /** Publishes a livestream; its encoder runs are those of `startRun`. */
  publish(streamId: string): Promise<LiveFixture>;
};

export type LiveFixture = {
  broadcast: Broadcast;
  /** Gives a segment to the recordings. */
  feed(segment: CompletedSegment): void;
  /** Waits until the newest recording of the livestream satisfies a condition. */
  untilRecording(condition: (recording: Recording) => boolean): Promise<Recording>;
};

/** Opens recordings on a stream registry with a database; segments come from the test. */
export async function openRecordingsFixture(
  t: Test,
  over: Partial<RecordingsOptions> = {},
): Promise<RecordingsFixture> {
  const { sql } = await testDatabase(t);
  const folder = mkdtempSync(path.join(os.tmpdir(), 'headend-recordings-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const log = createLog('silent');
  const clock = systemClock;
  const livestreams = new Livestreams({ sql, clock });
  const streams = new StreamRegistry({
    ...{ sql, livestreams, clock, log, graceMs: 60_000, maxBroadcasts: 10 },
    admit: async ({ streamKey = '' }) => ({ admitted: true, streamId: streamKey, keyId: newId() }),
  });
  const ready: Recording[] = [];
  const listeners: SegmentListener[] = [];
  const openAnother = async (more: Partial<RecordingsOptions> = {}) => {
    let feed: SegmentListener = () => {};
    const recordings = await Recordings.open({
      ...{ sql, folder, livestreams, streams, clock, log },
      ...{ renditions: 'source', recordsSlates: true, quotaBytes: 0, minimumFreeBytes: 0, keepDays: 0 },
      rewind: { windowMs: 0 },
      packager: { onSegment: (listener) => void (feed = listener) },
      onReady: (recording) => void ready.push(recording),
      ...over,
      ...more,
    });
    listeners.push((...segment) => feed(...segment));
    t.teardown(() => recordings.close());
    return { recordings, feed: ((...segment) => feed(...segment)) satisfies SegmentListener };
  };
  const { recordings } = await openAnother();
  const broadcasts = new Map<string, Broadcast>();
  const collector: BroadcastSubscriber = {
    name: 'collector',
    subscribe: (broadcast): BroadcastSubscription => {
      broadcasts.set(broadcast.streamId, broadcast);
      return { publicationStarted: () => broadcast.playable(), broadcastEnded: async () => {} };
    },
  };
  streams.subscribe(collector);
  streams.subscribe(recordings);
  t.teardown(() => streams.close());
  return {
    ...{ sql, folder, livestreams, streams, recordings, ready, openAnother },
    async create(recordingEnabled = true, userId = 'anna') {
      const streamKeyHash = newId().replaceAll('-', '').padEnd(64, '0');
      const wanted = { userId, title: 'A test', description: '', recordingEnabled, streamKeyHash };
      return (await livestreams.create(wanted)).id;
    },
    async publish(streamId) {
      const published = await streams.publish({
        ...{ protocol: 'rtmp', streamKey: streamId, address: '192.0.2.1' },
        ...{ pause() {}, resume() {}, kick() {} },
      });
      if ('refusal' in published) throw new Error(published.refusal.code);
      const broadcast = broadcasts.get(streamId);
      if (!broadcast) throw new Error('no broadcast was opened');
      const origin = { streamId, broadcastId: broadcast.id };
      return {
        broadcast,
        feed: (segment) => {
          for (const listener of listeners) listener(origin, segment);
        },
        untilRecording: (condition) =>
          until(
            `the recording satisfies ${condition}`,
            async () => {
              const [newest] = await recordings.listByStream(streamId, { limit: 1, offset: 0 });
              return newest && condition(newest) && newest;
            },
            15_000,
            20,
          ),
      };
    },
  };
}
