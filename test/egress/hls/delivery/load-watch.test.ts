import t from 'tap';
import { LoadWatch } from '../../../../src/egress/hls/delivery/load-watch.js';

t.test('an event loop is busy above 70 % until it is below 50 %', async (t) => {
  const load = new LoadWatch();
  const busy = [0.6, 0.71, 0.6, 0.51, 0.5, 0.6].map((utilization) => {
    load.sample(utilization);
    return load.isBusy;
  });
  t.strictSame(busy, [false, true, true, true, false, false]);
});

t.test('it is overloaded after three busy samples in a row', async (t) => {
  const load = new LoadWatch();
  const overloaded = [0.9, 0.9, 0.6, 0.9, 0.9, 0.9, 0.9].map((utilization) => {
    load.sample(utilization);
    return load.isOverloaded;
  });
  t.strictSame(overloaded, [false, false, false, false, false, true, true]);
  load.reset();
  t.notOk(load.isOverloaded);
});
