import t from 'tap';
import { merged } from '../../../src/web/studio/health-samples.js';

/** Health with samples at these times, which are also their values. */
function health(id: string, ...at: number[]): Parameters<typeof merged>[1] {
  const columns = [
    ...['videoBitrate', 'audioBitrate', 'frameRate', 'keyframeInterval', 'droppedPictures'],
    ...['lateMs', 'roundTripMs', 'packetLoss', 'audioLevel', 'avSkewMs'],
  ];
  const series = Object.fromEntries(columns.map((metric) => [metric, at]));
  return {
    streamId: 'stream',
    broadcast: { id, startedAt: '', endedAt: null },
    series: { at, ...series } as Parameters<typeof merged>[1]['series'],
    findings: [],
    pastFindings: [],
  };
}

t.test('new samples follow those before, up to five minutes of them', async (t) => {
  const first = merged(undefined, health('one', 1, 2));
  const second = merged(first, health('one', 3));
  t.same(second.series.at, [1, 2, 3]);
  t.same(second.series.avSkewMs, [1, 2, 3]);
  const many = merged(second, health('one', ...Array.from({ length: 400 }, (_, index) => index + 4)));
  t.equal(many.series.frameRate.length, 300);
  t.equal(many.series.at.at(-1), 403);
});

t.test('another broadcast begins with its own samples', async (t) => {
  const before = merged(undefined, health('one', 1, 2));
  t.same(merged(before, health('two', 9)).series.at, [9]);
  t.same(merged(before, { ...health('one'), broadcast: null }).series.at, []);
});
