import t from 'tap';
import { cmcdRowsOf, qualityCsv, rowsOf } from '../../../src/web/dashboard/quality-rows.js';

const ID = '0198c0de-0000-7000-8000-000000000000';

t.test(
  'each broadcast and delivery is a row of the table and of the CSV, and what requests said',
  async (t) => {
    const broadcasts: Parameters<typeof rowsOf>[0] = [
      {
        ...{ broadcastId: ID, startedAt: '2026-05-01T12:00:00.000Z', endedAt: null },
        deliveries: [
          {
            ...{
              delivery: 'webrtc',
              plays: 2,
              playedS: 99,
              rebuffers: 1,
              rebufferS: 1,
              switches: 0,
              failures: 0,
            },
            ...{ falls: { lost: 2, loss: 1 }, startup: { count: 2, p50Ms: 400, p95Ms: 490 }, latency: null },
          },
        ],
        cmcd: {
          ...{ sessions: 3, requests: 200, starvations: 4, urgent: 9 },
          ...{ buffer: { count: 100, p5Ms: 900, p50Ms: 2_100 }, throughput: null },
        },
      },
      { broadcastId: ID, startedAt: '2026-05-01T11:00:00.000Z', endedAt: null, deliveries: [], cmcd: null },
    ];
    const rows = rowsOf(broadcasts);
    t.match(rows, [{ rebufferRatio: 0.01, falls: 'lost 2, loss 1' }]);
    t.same(qualityCsv([...rows, ...cmcdRowsOf(broadcasts)]).split('\r\n'), [
      'broadcastId,startedAt,endedAt,delivery,plays,playedS,startupP50Ms,startupP95Ms,latencyP50Ms,latencyP95Ms,rebuffers,rebufferS,rebufferRatio,switches,failures,falls,sessions,requests,starvations,starvationRatio,bufferP5Ms,bufferP50Ms,throughputP5Kbps,throughputP50Kbps',
      `${ID},2026-05-01T12:00:00.000Z,,webrtc,2,99,400,490,,,1,1,0.01,0,0,"lost 2, loss 1",,,,,,,,`,
      `${ID},2026-05-01T12:00:00.000Z,,cmcd,,,,,,,,,,,,,3,200,4,0.02,900,2100,,`,
      '',
    ]);
  },
);
