import t, { type Test } from 'tap';
import { oembedRoutes } from '../../../src/api/index.js';
import { createServer } from '../../../src/api/server/server.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';
import { assertErrorResponse, URLS } from '../../support/fixtures/livestream-api-fixture.js';
import { recordLog } from '../../support/fixtures/log-record.js';

const ID = '0198c0de-0000-7000-8000-000000000000';

function open(t: Test) {
  const app = createServer({ log: recordLog().log, clock: new FakeClock(), trustProxy: false, version: '1' });
  t.teardown(() => app.close());
  app.register(oembedRoutes, {
    prefix: '/api/oembed',
    urls: URLS,
    describe: async ({ path, params }) =>
      params.id === ID
        ? {
            ...{ title: `"><script>${path}`, description: '', url: 'https://live.example.test/x' },
            ...{ type: 'video.other', author: { name: 'Ada', url: 'https://live.example.test/@Ada' } },
            player: { url: 'https://live.example.test/embed/x?a&b', oembed: 'https://live.example.test/o' },
          }
        : undefined,
  });
  const get = (query: Record<string, string>, headers = {}) =>
    app.inject({ url: `/api/oembed?${new URLSearchParams(query)}`, headers });
  return get;
}

t.test('a page is described with a frame of its player, escaped and within the wanted size', async (t) => {
  const get = open(t);
  const answer = await get({ url: `https://live.example.test/watch/${ID}`, maxwidth: '300', maxheight: '9' });
  t.same(answer.json(), {
    ...{
      version: '1.0',
      type: 'video',
      provider_name: 'Headend',
      provider_url: 'https://live.example.test/',
    },
    ...{
      title: '"><script>/watch/:streamId',
      author_name: 'Ada',
      author_url: 'https://live.example.test/@Ada',
    },
    ...{ width: 16, height: 9, cache_age: 300 },
    html: '<iframe src="https://live.example.test/embed/x?a&amp;b" width="16" height="9" title="&quot;&gt;&lt;script&gt;/watch/:streamId" allow="autoplay; fullscreen; picture-in-picture" style="border: 0" allowfullscreen></iframe>',
  });
  const here = await get({ url: `http://localhost:80/clips/${ID}/`, format: 'json' });
  t.match(here.json(), { title: '"><script>/clips/:clipId', width: 1280, height: 720 });
});

t.test('addresses of other sites and pages, and other formats, are refused', async (t) => {
  const get = open(t);
  for (const url of [
    `https://other.example.test/watch/${ID}`,
    `https://live.example.test.evil/watch/${ID}`,
    `https://live.example.test/dashboard/${ID}`,
    `https://live.example.test/constructor/${ID}`,
    'https://live.example.test/watch/unknown',
    'no address',
  ])
    assertErrorResponse(t, await get({ url }), 404, 'not_found');
  const url = `https://live.example.test/watch/${ID}`;
  t.equal((await get({ url }, { host: '[' })).statusCode, 200, 'a request for no host');
  assertErrorResponse(t, await get({ url, format: 'xml' }), 501, 'format_unsupported');
  assertErrorResponse(t, await get({ url, maxwidth: '0' }), 400, 'validation_failed');
  assertErrorResponse(t, await get({ url: 'x'.repeat(2_001) }), 400, 'validation_failed');
});
