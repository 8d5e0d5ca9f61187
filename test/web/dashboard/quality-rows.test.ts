import t from 'tap';
import { qualityCsv, rowsOf } from '../../../src/web/dashboard/quality-rows.js';

const ID = '0198c0de-0000-7000-8000-000000000000';

t.test('each broadcast and delivery is a row of the table and of the CSV', async (t) => {
  const rows = rowsOf([
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
    },
    { broadcastId: ID, startedAt: '2026-05-01T11:00:00.000Z', endedAt: null, deliveries: [] },
  ]);
  t.match(rows, [{ rebufferRatio: 0.01, falls: 'lost 2, loss 1' }]);
  t.same(qualityCsv(rows).split('\r\n'), [
    'broadcastId,startedAt,endedAt,delivery,plays,playedS,startupP50Ms,startupP95Ms,latencyP50Ms,latencyP95Ms,rebuffers,rebufferS,rebufferRatio,switches,failures,falls',
    `${ID},2026-05-01T12:00:00.000Z,,webrtc,2,99,400,490,,,1,1,0.01,0,0,"lost 2, loss 1"`,
    '',
  ]);
});
