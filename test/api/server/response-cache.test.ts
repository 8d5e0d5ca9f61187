import t from 'tap';
import { ResponseCache } from '../../../src/api/server/response-cache.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';

function cache(maximum = 10): { clock: FakeClock; answers: ResponseCache<number> } {
  const clock = new FakeClock();
  return { clock, answers: new ResponseCache({ clock, ttlMs: 1_000, maximum }) };
}

t.test('an answer is given again for a moment, counted from the question', async (t) => {
  const { clock, answers } = cache();
  let asked = 0;
  const find = async () => ++asked;
  t.equal(await answers.get('a', find), 1);
  await clock.advance(999);
  t.equal(await answers.get('a', find), 1);
  await clock.advance(1);
  t.equal(await answers.get('a', find), 2);
  t.equal(await answers.get('b', find), 3);
});

t.test('what is forgotten while it is being found is found again for who asks later', async (t) => {
  const { answers } = cache();
  let finish = (_answer: number): void => {};
  const slow = answers.get('a', () => new Promise((resolve) => (finish = resolve)));
  answers.forget('a');
  t.equal(await answers.get('a', async () => 2), 2);
  finish(1);
  t.equal(await slow, 1);
  t.equal(await answers.get('a', async () => 3), 2, 'the older answer does not take its place');
  answers.clear();
  t.equal(await answers.get('a', async () => 4), 4);
});

t.test('a failure is told to all who waited, and not remembered', async (t) => {
  const { answers } = cache();
  const failing = async (): Promise<number> => {
    throw new Error('away');
  };
  const waiting = [answers.get('a', failing), answers.get('a', failing)];
  for (const answer of waiting) await t.rejects(answer, { message: 'away' });
  t.equal(await answers.get('a', async () => 1), 1);
});

t.test('only so many are remembered', async (t) => {
  const { answers } = cache(2);
  for (const question of ['a', 'b', 'c']) await answers.get(question, async () => 1);
  t.equal(await answers.get('c', async () => 2), 1);
  t.equal(await answers.get('a', async () => 2), 2, 'the oldest was forgotten');
});
