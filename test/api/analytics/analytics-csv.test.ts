import t from 'tap';
import { analyticsCsv, csvCell } from '../../../src/api/analytics/analytics-csv.js';

t.test('text that a spreadsheet would run begins with an apostrophe', async (t) => {
  for (const text of ['=1+1', '+1', '-1', '@SUM(A1)', '\tx', '\rx']) t.match(csvCell(text), /^"?'/, text);
  t.equal(csvCell('=HYPERLINK("x","y")'), '"\'=HYPERLINK(""x"",""y"")"');
  t.equal(csvCell('two\nlines'), '"two\nlines"');
  t.equal(csvCell('Concert, שלום'), '"Concert, שלום"');
  t.equal(csvCell(-1), '-1');
});

t.test('each interval is a line with its time', async (t) => {
  const none = [0, 0];
  const csv = analyticsCsv('=cmd', {
    ...{ broadcast: { id: 'x', startedAt: '', endedAt: null, endReason: null }, to: '', intervalS: 60 },
    ...{ from: '2026-01-01T00:00:00.000Z', views: 0, viewers: 0, watchTimeS: 0, peakViewers: 0 },
    ...{ messages: 0, authors: 0, byProtocol: [], joinFailures: [] },
    series: {
      ...{ total: [3, 4], whep: [1, 2], 'll-hls': [2, 2], hls: none, dash: none },
      ...{ joined: [3, 1], departed: none, messages: [0, 7], joinFailures: [2, 0] },
    },
  });
  t.equal(
    csv,
    [
      'livestream,time (UTC),viewers,by WebRTC,by low-latency HLS,by HLS,by DASH,came,left,chat messages,could not join',
      "'=cmd,2026-01-01T00:00:00.000Z,3,1,2,0,0,3,0,0,2",
      "'=cmd,2026-01-01T00:01:00.000Z,4,2,2,0,0,1,0,7,0",
      '',
    ].join('\r\n'),
  );
});
