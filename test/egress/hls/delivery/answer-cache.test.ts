import t, { type Test } from 'tap';
import {
  type Answer,
  AnswerCache,
  type AnswerCacheOptions,
  TooManyFlights,
} from '../../../../src/egress/hls/delivery/answer-cache.js';
import { FakeClock } from '../../../support/fakes/fake-clock.js';

type Request = {
  target: string;
  etag: string | undefined;
  answer(answer: Answer | 'not-modified'): Promise<void>;
  fail(): Promise<void>;
};

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function openCache(options: Partial<AnswerCacheOptions> = {}) {
  const clock = new FakeClock();
  const requests: Request[] = [];
  const cache = new AnswerCache({
    clock,
    maximumBytes: 100_000,
    maximumFlights: 10,
    fetch: (target, _peerAddress, etag) =>
      new Promise((resolve, reject) => {
        requests.push({
          target,
          etag,
          answer: async (answer) => {
            resolve(answer);
            await settle();
          },
          fail: async () => {
            reject(new Error('the gateway is away'));
            await settle();
          },
        });
      }),
    ...options,
  });
  const get = (target: string) => cache.get(target, '192.0.2.1');
  /** Requests a target, and has the gateway answer. */
  const load = async (target: string, answer: Answer): Promise<void> => {
    const asked = get(target);
    await requests.at(-1)?.answer(answer);
    await asked;
  };
  return { clock, cache, requests, get, load };
}

const answerOf = (facts: Partial<Answer> = {}): Answer => ({
  status: 200,
  headers: [],
  body: Buffer.alloc(1_000),
  etag: undefined,
  freshMs: 1_000,
  ...facts,
});
const mediaOf = (bytes: number): Answer => answerOf({ etag: '"1"', body: Buffer.alloc(bytes) });

async function assertFailed(t: Test, asked: Answer | Promise<Answer>): Promise<void> {
  await t.rejects(Promise.resolve(asked), { message: 'the gateway is away' });
}

t.test('all who ask for the same wait for one request', async (t) => {
  const { requests, get } = openCache();
  const asked = [get('/a'), get('/a'), get('/b')];
  t.strictSame(
    requests.map(({ target }) => target),
    ['/a', '/b'],
  );
  const answer = answerOf();
  await requests[0]?.answer(answer);
  t.equal(await asked[0], answer);
  t.equal(await asked[1], answer, 'the same bytes');
  t.equal(get('/a'), answer, 'and who asks right after gets it at once');
});

t.test('a playlist is asked for anew after 200 ms, media are revalidated after their time', async (t) => {
  const { clock, requests, get, load } = openCache();
  const media = mediaOf(1_000);
  await load('/playlist', answerOf());
  await load('/media', media);
  await clock.advance(199);
  t.notOk(get('/playlist') instanceof Promise);
  await clock.advance(1);
  t.ok(get('/playlist') instanceof Promise);
  t.equal(requests.at(-1)?.etag, undefined);
  await clock.advance(799);
  t.equal(get('/media'), media);
  await clock.advance(1);
  const revalidated = get('/media');
  t.equal(requests.at(-1)?.etag, '"1"');
  await requests.at(-1)?.answer('not-modified');
  t.equal(await revalidated, media, 'the kept bytes');
  await clock.advance(999);
  t.equal(get('/media'), media, 'fresh for as long again');
});

t.test('failures and answers that are not public are not kept', async (t) => {
  const { clock, requests, get, load } = openCache();
  const failed = [get('/a'), get('/a')].map((asked) => assertFailed(t, asked));
  await requests[0]?.fail();
  await Promise.all(failed);
  await load('/a', answerOf({ status: 404, freshMs: 0 }));
  t.ok(get('/a') instanceof Promise);
  await requests.at(-1)?.answer(answerOf());
  await load('/media', mediaOf(1_000));
  await clock.advance(1_000);
  const gone = answerOf({ status: 404, freshMs: 0 });
  const revalidated = get('/media');
  await requests.at(-1)?.answer(gone);
  t.equal(await revalidated, gone);
  t.ok(get('/media') instanceof Promise, 'the refused media are dropped');
  t.equal(requests.at(-1)?.etag, undefined);
});

t.test('the answer used longest ago is dropped when the bytes are used up', async (t) => {
  const { cache, get, load } = openCache();
  for (const target of ['/1', '/2', '/3', '/4']) await load(target, mediaOf(24_000 - 1_024));
  t.equal(cache.bytes, 96_000);
  t.notOk(get('/1') instanceof Promise);
  await load('/5', mediaOf(10_000));
  t.ok(cache.bytes <= 100_000, `${cache.bytes} bytes`);
  t.notOk(get('/1') instanceof Promise, 'used since');
  t.ok(get('/2') instanceof Promise, 'dropped');
  const { bytes } = cache;
  await load('/large', mediaOf(60_000));
  t.equal(cache.bytes, bytes, 'an answer that would take a large share is not kept');
});

t.test('playlists that are not fresh are swept, media stay for revalidation', async (t) => {
  const { clock, cache, load } = openCache();
  await load('/playlist', answerOf());
  await load('/media', mediaOf(500));
  await clock.advance(5_000);
  cache.sweep();
  t.equal(cache.bytes, 1_524);
});

t.test('requests to the gateway are limited', async (t) => {
  const { requests, get } = openCache({ maximumFlights: 2 });
  const asked = [get('/1'), get('/2')];
  t.throws(() => get('/3'), new TooManyFlights());
  t.ok(get('/1') instanceof Promise, 'one more may wait for the same');
  await requests[0]?.answer(answerOf());
  await asked[0];
  t.ok(get('/3') instanceof Promise);
});
