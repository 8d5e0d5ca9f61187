import t, { type Test } from 'tap';
import { createGuards, qoeListRoutes, qoeReportRoutes } from '../../../src/api/index.js';
import { newId } from '../../../src/platform/index.js';
import type { BroadcastQoe, QoeSample } from '../../../src/qoe/index.js';
import {
  assertErrorResponse,
  authenticateByName,
  authorizationOf,
  openLivestreamApi,
} from '../../support/fixtures/livestream-api-fixture.js';

const SAMPLE = {
  ...{
    delivery: 'hls',
    startupMs: 500,
    playedMs: 1_000,
    rebuffers: 0,
    rebufferMs: 0,
    switches: 0,
    failures: 0,
  },
};

async function open(t: Test, stored: BroadcastQoe[] = []) {
  const reports: { streamId: string; samples: readonly QoeSample[] }[] = [];
  const live = newId();
  const guards = createGuards({ authenticate: authenticateByName });
  const api = await openLivestreamApi(t, {
    guards,
    registerFurtherRoutes: async (scope, lookup) => {
      await scope.register(qoeListRoutes, { qoe: { list: async () => stored }, lookup, guards });
    },
  });
  api.app.register(qoeReportRoutes, {
    prefix: '/api/qoe',
    qoe: {
      report: (streamId, samples) => {
        reports.push({ streamId, samples });
        return streamId === live;
      },
    },
    audience: { mediaAccess: (_streamId, token) => (token === 'unknown' ? undefined : 'everybody') },
    clock: api.clock,
  });
  const post = (payload: object | string, type = 'application/json') =>
    api.app.inject({ method: 'POST', url: '/api/qoe', payload, headers: { 'content-type': type } });
  return { ...api, live, reports, post };
}

t.test('a report counts for its broadcast, as JSON and as the text of a beacon', async (t) => {
  const { live, reports, post } = await open(t);
  const report = { streamId: live.toUpperCase(), viewerToken: 'known', samples: [SAMPLE] };
  t.equal((await post(report)).statusCode, 200);
  t.equal((await post(JSON.stringify(report), 'text/plain;charset=UTF-8')).statusCode, 200);
  t.same(reports, [
    { streamId: live, samples: [SAMPLE] },
    { streamId: live, samples: [SAMPLE] },
  ]);
  assertErrorResponse(t, await post({ ...report, viewerToken: 'unknown' }), 404, 'stream_not_found');
  assertErrorResponse(t, await post({ ...report, streamId: newId() }), 409, 'stream_offline');
});

t.test('a report out of bounds, too large or too many is refused', async (t) => {
  const { live, reports, post, clock } = await open(t);
  for (const sample of [
    { ...SAMPLE, playedMs: 600_001 },
    { ...SAMPLE, playedMs: -1 },
    { ...SAMPLE, rebuffers: 1.5 },
    { ...SAMPLE, delivery: 'dash' },
    { ...SAMPLE, fall: 'other' },
    { ...SAMPLE, userId: 'me' },
  ])
    assertErrorResponse(t, await post({ streamId: live, samples: [sample] }), 400, 'validation_failed');
  const many = { streamId: live, samples: Array(9).fill(SAMPLE) };
  assertErrorResponse(t, await post(many), 400, 'validation_failed');
  const large = JSON.stringify({ streamId: live, samples: [SAMPLE], x: 'x'.repeat(5_000) });
  for (const type of ['application/json', 'text/plain'])
    assertErrorResponse(t, await post(large, type), 413, 'body_too_large');
  t.equal(reports.length, 0);
  let status = 200;
  for (let count = 0; count < 600 && status !== 429; count++)
    status = (await post({ streamId: live, samples: [SAMPLE] })).statusCode;
  t.equal(status, 429);
  await clock.advance(100);
  t.equal((await post({ streamId: live, samples: [SAMPLE] })).statusCode, 200);
});

t.test('the sums are for the owner and administrators', async (t) => {
  const broadcastId = newId();
  const counts = [0, 0, 0, 4, ...Array<number>(10).fill(0)];
  const { app, create } = await open(t, [
    {
      ...{ broadcastId, startedAt: new Date(0), endedAt: null },
      totals: [
        {
          ...{
            delivery: 'hls',
            plays: 4,
            playedMs: 60_500,
            rebuffers: 1,
            rebufferMs: 250,
            switches: 3,
            failures: 0,
          },
          ...{ falls: { lost: 1 }, startupCounts: counts, latencyCounts: counts.map(() => 0) },
        },
      ],
      cmcd: {
        ...{ sessions: 2, requests: 4, starvations: 1, urgent: 1 },
        ...{ bufferCounts: counts, throughputCounts: counts.map(() => 0) },
      },
    },
  ]);
  const url = `/api/livestream/${await create()}/qoe`;
  const get = (name: 'anna' | 'boris' | 'ada') => app.inject({ url, headers: authorizationOf(name) });
  assertErrorResponse(t, await app.inject(url), 401, 'not_signed_in');
  assertErrorResponse(t, await get('boris'), 403, 'not_allowed');
  t.equal((await get('ada')).statusCode, 200);
  t.same((await get('anna')).json(), {
    broadcasts: [
      {
        ...{ broadcastId, startedAt: '1970-01-01T00:00:00.000Z', endedAt: null },
        deliveries: [
          {
            ...{
              delivery: 'hls',
              plays: 4,
              playedS: 60.5,
              rebuffers: 1,
              rebufferS: 0.25,
              switches: 3,
              failures: 0,
            },
            ...{ falls: { lost: 1 }, startup: { count: 4, p50Ms: 400, p95Ms: 490 }, latency: null },
          },
        ],
        cmcd: {
          ...{ sessions: 2, requests: 4, starvations: 1, urgent: 1 },
          ...{ buffer: { count: 4, p5Ms: 310, p50Ms: 400 }, throughput: null },
        },
      },
    ],
  });
});
