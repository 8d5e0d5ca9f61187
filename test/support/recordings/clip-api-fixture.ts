import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import {
  clipChatRoutes,
  clipRouteOptions,
  clipRoutes,
  createGuards,
  livestreamClipRoutes,
  recordingChatRoutes,
  recordingClipRoutes,
} from '../../../src/api/index.js';
import { createChat } from '../../../src/chat/index.js';
import { createLog, newId } from '../../../src/platform/index.js';
import { Recordings, type RecordingsOptions } from '../../../src/recordings/index.js';
import { RecordingTable } from '../../../src/recordings/recording-table.js';
import { SegmentTable } from '../../../src/recordings/segment-table.js';
import { FakeSocketHub } from '../fakes/fake-socket-hub.js';
import {
  authenticateByName,
  authorizationOf,
  openLivestreamApi,
  type PersonName,
  URLS,
} from '../fixtures/livestream-api-fixture.js';

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** Start of the media of recordings. */
export const ORIGIN_MS = Date.UTC(2026, 0, 1);
export const SEGMENTS = 150;
const SEGMENT_S = 2;

/** Opens the routes of clips and of the chat beside them; those of recordings and single clips are below `/api/livestream` here. */
export async function openClipApi(t: Test, over: Partial<RecordingsOptions> = {}) {
  const guards = createGuards({ authenticate: authenticateByName });
  const log = createLog('silent');
  const api = await openLivestreamApi(t, {
    guards,
    registerFurtherRoutes: async (scope, lookup) => {
      const clips = clipRouteOptions({ recordings, chat, lookup, guards, urls: URLS, clock });
      await scope.register(livestreamClipRoutes, clips);
      await scope.register(recordingClipRoutes, { ...clips, prefix: '/recordings' });
      await scope.register(clipRoutes, { ...clips, prefix: '/clips' });
      const { recordings: finder, permission } = clips;
      const chatReplay = { chat, recordings, finder, permission, guards };
      await scope.register(recordingChatRoutes, { ...chatReplay, prefix: '/recordings' });
      await scope.register(clipChatRoutes, { ...chatReplay, prefix: '/clips' });
    },
  });
  const { sql, livestreams, streams, clock, folder } = api;
  const recordings = await Recordings.open({
    ...{ sql, livestreams, streams, clock, folder, renditions: 'source', rewind: { windowMs: 0 } },
    ...{ quotaBytes: 0, keepDays: 0, recordsSlates: true, minimumFreeBytes: 0, log },
    ...{ packager: { onSegment() {} }, onReady() {} },
    ...over,
  });
  t.teardown(() => recordings.close());
  const chat = createChat({
    ...{ sql, livestreams, clock, log, hub: new FakeSocketHub(), addressSecret: randomBytes(32) },
    ...{ isFollowing: async () => false, isAdminAccount: async () => false },
  });
  t.teardown(() => chat.close());
  const table = new RecordingTable(sql);
  return {
    ...api,
    recordings,
    chat,
    /** Stores the rows of a recording of five minutes, without its files. A gap of a minute is behind the first segment. */
    async recorded(streamId: string, userId = 'anna'): Promise<string> {
      const [id, claimant] = [newId(), newId()];
      const row = { id, streamId, broadcastId: newId(), userId, startedAt: new Date(clock.now()) };
      await table.insert(
        { ...row, purpose: 'recording', renditions: 'source', storeId: recordings.videos.store.id },
        claimant,
      );
      const [width, height, frameRate, channels] = [1280, 720, 30, null];
      await new SegmentTable(sql).append(id, claimant, {
        files: [
          {
            ...{ number: 0, rendition: '720p', kind: 'video', run: 0, codec: 'avc1.64001f' },
            ...{ width, height, frameRate, channels, initBytes: 700, msnOffset: 0 },
          },
        ],
        segments: Array.from({ length: SEGMENTS }, (_, msn) => ({
          ...{ fileNumber: 0, msn, byteOffset: 700 + msn * 100, byteLength: 100, fragments: 1 },
          ...{ durationS: SEGMENT_S, decodeTimeS: msn * SEGMENT_S },
          programDateTimeMs: ORIGIN_MS + msn * SEGMENT_S * 1_000 + (msn > 0 ? 60_000 : 0),
        })),
        ...{ durationS: SEGMENTS * SEGMENT_S, sizeBytes: 700 + SEGMENTS * 100, droppedSegments: 0 },
      });
      await sql`update recordings set state = 'ready', ended_at = now(), end_reason = 'stopped' where id = ${id}`;
      return id;
    },
    request: (name: PersonName | undefined, method: Method, path: string, payload?: object) =>
      api.app.inject({
        ...{ method, url: `/api/livestream/${path}` },
        ...(name === undefined ? {} : { headers: authorizationOf(name) }),
        ...(payload === undefined ? {} : { payload }),
      }),
  };
}
