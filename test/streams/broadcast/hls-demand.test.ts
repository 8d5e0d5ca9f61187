import t from 'tap';
import { HlsDemand } from '../../../src/streams/index.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';

t.test('a request is remembered for its rendition and for the broadcast', async (t) => {
  const clock = new FakeClock();
  const demand = new HlsDemand(clock);
  t.notOk(demand.isWithin(Number.MAX_VALUE), 'before the first request');
  demand.record(undefined);
  t.ok(demand.isWithin(1_000));
  t.notOk(demand.isRenditionWithin('240p', 1_000));
  await clock.advance(999);
  t.ok(demand.isWithin(1_000));
  demand.record('240p');
  await clock.advance(999);
  t.ok(demand.isWithin(1_000));
  t.ok(demand.isRenditionWithin('240p', 1_000));
  t.notOk(demand.isRenditionWithin('360p', 1_000));
  await clock.advance(1);
  t.notOk(demand.isWithin(1_000));
  t.notOk(demand.isRenditionWithin('240p', 1_000));
});

t.test('a blocked request is a demand until it is answered, and counts from then', async (t) => {
  const clock = new FakeClock();
  const demand = new HlsDemand(clock);
  const answered = demand.wait();
  await clock.advance(60_000);
  t.ok(demand.isWithin(1_000));
  answered();
  await clock.advance(999);
  t.ok(demand.isWithin(1_000));
  await clock.advance(1);
  t.notOk(demand.isWithin(1_000));
});

t.test('a hold is a demand until it is released', async (t) => {
  const demand = new HlsDemand(new FakeClock());
  let calls = 0;
  demand.onRequest(() => calls++, new AbortController().signal);
  const release = demand.hold();
  const releaseOther = demand.hold();
  t.equal(calls, 2);
  release();
  release();
  t.ok(demand.isWithin(1_000));
  releaseOther();
  t.notOk(demand.isWithin(1_000));
});

t.test('a listener is called at each request until its signal aborts', async (t) => {
  const demand = new HlsDemand(new FakeClock());
  const over = new AbortController();
  let calls = 0;
  demand.onRequest(() => calls++, over.signal);
  demand.record(undefined);
  demand.record('240p');
  t.equal(calls, 2);
  over.abort();
  demand.record(undefined);
  demand.onRequest(() => calls++, over.signal);
  demand.record(undefined);
  t.equal(calls, 2);
});
