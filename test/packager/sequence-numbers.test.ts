import t from 'tap';
import { SequenceNumbers } from '../../src/packager/sequence-numbers.js';
import { FakeClock } from '../support/fakes/fake-clock.js';

t.test('sequence numbers are limited to two a second and not repeated after a resume', async (t) => {
  const clock = new FakeClock();
  const startedAt = clock.now();
  const first = new SequenceNumbers({ startedAt, resumed: false }, clock);
  t.equal(first.take(), 0);
  let last = 0;
  for (let ms = 0; ms < 20_000; ms += 50) {
    await clock.advance(50);
    while (first.available) last = first.take();
  }
  t.ok(last <= 40 + 32, `${last} after 20 s of taking all that can be had`);
  const second = new SequenceNumbers({ startedAt, resumed: true }, clock);
  t.ok(second.available);
  t.ok(second.take() > last - 1);
  await clock.advance(1000);
  t.ok(new SequenceNumbers({ startedAt, resumed: true }, clock).take() > last);
});
