import t from 'tap';
import { TranscodingPause } from '../../src/videos/transcoding-pause.js';
import { FakeClock } from '../support/fakes/fake-clock.js';

t.test('a pause of hours is one timer, however often it is asked for', async (t) => {
  const clock = new FakeClock();
  let isBusy = false;
  const pause = new TranscodingPause({ isBusy: () => isBusy, clock });
  const { signal } = new AbortController();
  t.equal(pause.whenOver(signal), undefined);
  isBusy = true;
  const first = pause.whenOver(signal);
  let isOver = false;
  void first?.then(() => (isOver = true));
  for (let i = 0; i < 100; i++) t.equal(pause.whenOver(signal), first);
  t.equal(clock.pending, 1);
  await clock.advance(5_000);
  t.notOk(isOver);
  isBusy = false;
  await clock.advance(1_000);
  t.ok(isOver);
  t.equal(clock.pending, 0);
  isBusy = true;
  t.not(pause.whenOver(signal), first, 'another pause');
});

t.test('a pause ends with the transcoding', async (t) => {
  const clock = new FakeClock();
  const pause = new TranscodingPause({ isBusy: () => true, clock });
  const lifetime = new AbortController();
  const paused = pause.whenOver(lifetime.signal);
  lifetime.abort();
  await clock.advance(1_000);
  await paused;
  t.equal(clock.pending, 0);
  t.equal(pause.whenOver(lifetime.signal), undefined);
});
