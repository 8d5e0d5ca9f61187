import t from 'tap';
import { Pace } from '../../../src/media/index.js';

t.test(
  'a source in real time is never held, with jitter and a clock that is 0.15 percent fast',
  async (t) => {
    const pace = new Pace(1_000);
    for (let ms = 0; ms < 8 * 3_600_000; ms += 500)
      if (pace.advance(Math.round(ms * 1.0015) + (ms % 2_000), 1_000 + ms) > 0) t.fail(`held at ${ms} ms`);
  },
);

t.test('a burst after a stall is not held', async (t) => {
  const pace = new Pace(0);
  pace.advance(1_000, 1_000);
  for (let media = 1_000; media < 16_000; media += 40) t.equal(pace.advance(media, 16_000), 0);
});

t.test('a source at four times real time is never more than four seconds ahead', async (t) => {
  const pace = new Pace(0);
  let now = 0;
  let held = 0;
  for (let media = 0; media < 120_000; media += 40) {
    now += 10;
    const holdMs = pace.advance(media, now);
    if (holdMs > 0) held++;
    now += holdMs;
    if (media - now > 4_000) t.fail(`${media - now} ms ahead`);
  }
  t.ok(held > 10 && held < 200, `held ${held} times`);
});
