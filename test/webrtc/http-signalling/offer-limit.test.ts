import t from 'tap';
import { OfferLimit, type OfferLimits } from '../../../src/webrtc/index.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';

const SCHOOL = '192.0.2.7';
const OTHER = '198.51.100.7';

function limitOf(limits: Partial<OfferLimits> = {}) {
  const clock = new FakeClock();
  return { clock, limit: new OfferLimit(clock, { burst: 10, refillMs: 1_000, connecting: 5, ...limits }) };
}

/** Makes an offer. @returns undefined when it is refused */
function offer(limit: OfferLimit, address = SCHOOL) {
  return limit.take(address) === 0 ? limit.connecting(address) : undefined;
}

t.test('an established connection counts as a tenth of an offer', async (t) => {
  const { limit } = limitOf();
  let connections = 0;
  for (let end = offer(limit); end; end = offer(limit)) {
    end('established');
    connections++;
  }
  t.equal(connections, 91, 'the last one needs a whole token');
});

t.test('an offer whose connection fails counts in full, and one that made none does not', async (t) => {
  const { limit, clock } = limitOf();
  for (let count = 0; count < 100; count++) offer(limit)?.('not-made');
  for (let count = 0; count < 10; count++) {
    const end = offer(limit);
    t.ok(end, `offer ${count}`);
    end?.('failed');
    end?.('established');
  }
  t.equal(limit.take(SCHOOL), 1_000);
  t.equal(limit.take(OTHER), 0, 'another address is not affected');
  await clock.advance(1_000);
  t.equal(limit.take(SCHOOL), 0);
});

t.test(
  'connections that are being made are bounded per address, and cost nothing when refused',
  async (t) => {
    const { limit } = limitOf();
    const ends = Array.from({ length: 5 }, () => offer(limit));
    for (let count = 0; count < 100; count++) t.equal(limit.take(SCHOOL), 2_000);
    t.ok(offer(limit, OTHER));
    for (const end of ends) end?.('established');
    t.ok(offer(limit), 'established connections make room');
  },
);

t.test('two offers for the last place: the second is refused and its token returned', async (t) => {
  const { limit } = limitOf({ burst: 2, connecting: 1 });
  t.same([limit.take(SCHOOL), limit.take(SCHOOL)], [0, 0]);
  const end = limit.connecting(SCHOOL);
  t.throws(() => limit.connecting(SCHOOL), { code: 'rate_limited' });
  end('failed');
  t.equal(limit.take(SCHOOL), 0);
});

t.test('a connection whose outcome is never reported stops counting', async (t) => {
  const { limit, clock } = limitOf({ connecting: 1 });
  offer(limit);
  t.equal(limit.take(SCHOOL), 2_000);
  await clock.advance(25_000);
  t.equal(limit.take(SCHOOL), 0);
  t.equal(clock.pending, 0, 'no timer is left');
});
