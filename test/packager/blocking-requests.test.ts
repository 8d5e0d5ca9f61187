import t from 'tap';
import { BlockingRequests, type WaitState } from '../../src/packager/blocking-requests.js';
import { FakeClock } from '../support/fakes/fake-clock.js';

t.test('blocked requests end when ready, at the timeout, when cancelled and at close', async (t) => {
  const clock = new FakeClock();
  const requests = new BlockingRequests(clock, 4);
  const queue = requests.queue();
  let state: WaitState = 'wait';
  const one = queue.wait(() => state, 1000)!;
  await clock.advance(400);
  const two = queue.wait(() => 'wait', 1000)!;
  const three = queue.wait(() => 'wait', 1000)!;
  const four = requests.queue().wait(() => 'wait', 60_000)!;
  t.equal(
    queue.wait(() => 'wait', 1000),
    undefined,
    'the limit is reached',
  );
  t.equal(clock.pending, 2, 'one timer a queue');
  state = 'ready';
  queue.changed();
  t.equal(await one.outcome, 'ready');
  three.cancel();
  three.cancel();
  t.equal(await three.outcome, 'cancelled');
  t.equal(requests.waitingCount, 2);
  await clock.advance(999);
  t.equal(requests.waitingCount, 2);
  await clock.advance(1);
  t.equal(await two.outcome, 'late');
  requests.close();
  t.equal(await four.outcome, 'closed');
  t.equal(requests.waitingCount, 0);
  t.equal(clock.pending, 0);
  t.equal(
    queue.wait(() => 'wait', 1),
    undefined,
  );
});
