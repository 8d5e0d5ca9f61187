import t from 'tap';
import { isServedApplication, streamKeyOf } from '../../../src/ingest/rtmp/publish-address.js';

t.test('the application is live or nothing, with slashes, a query or a key behind it', async (t) => {
  for (const app of ['live', '/live', 'live/', 'live?x=1/2', '', '/', 'live/KEY', 'live/live'])
    t.ok(isServedApplication(app), app);
  for (const app of ['vod', 'LIVE', 'lively', 'x/live', 'KEY']) t.notOk(isServedApplication(app), app);
});

t.test('the stream key is the last segment of the stream name, else of the application', async (t) => {
  const cases: [app: string, streamName: string, streamKey: string][] = [
    ['live', 'KEY', 'KEY'],
    ['live', ' KEY\n', 'KEY'],
    ['live', 'KEY?bandwidthtest=true', 'KEY'],
    ['live', '/KEY', 'KEY'],
    ['live', 'KEY/', 'KEY'],
    ['live', 'live/KEY', 'KEY'],
    ['live', '/live/KEY/', 'KEY'],
    ['live', 'rtmp://example.com/live/KEY', 'KEY'],
    ['live', 'rtmps://example.com:1936/live/KEY?a=/b', 'KEY'],
    ['live', 'example.com/live/KEY', 'KEY'],
    ['', 'KEY', 'KEY'],
    ['', 'live/KEY', 'KEY'],
    ['live/KEY', '', 'KEY'],
    ['live/KEY/', '', 'KEY'],
    ['live/KEY?a=b', '?c=d', 'KEY'],
    ['live/KEY', 'OTHER', 'OTHER'],
    ['live', '', ''],
    ['', '', ''],
    ['live/', '/', ''],
    ['live', '?KEY', ''],
    ['live', 'rtmp://example.com/live', ''],
  ];
  for (const [app, streamName, streamKey] of cases)
    t.equal(streamKeyOf(app, streamName), streamKey, `${app} | ${streamName}`);
});
