import t from 'tap';
import { networkBlock, RateLimit } from '../../../src/platform/index.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';

t.test('a key has its capacity at once, and regains one token per interval', async (t) => {
  const clock = new FakeClock();
  const limit = new RateLimit(clock, { capacity: 3, refillMs: 1_000 });
  t.same([limit.take('a'), limit.take('a'), limit.take('a'), limit.take('a')], [0, 0, 0, 1_000]);
  t.equal(limit.take('b'), 0, 'another key has its own tokens');
  await clock.advance(400);
  t.equal(limit.waitMs('a'), 600);
  await clock.advance(600);
  t.equal(limit.waitMs('a'), 0);
  t.same([limit.take('a'), limit.take('a')], [0, 1_000]);
  await clock.advance(60_000);
  t.same([limit.take('a'), limit.take('a'), limit.take('a'), limit.take('a')], [0, 0, 0, 1_000]);
});

t.test('wait takes no token, and neither does a refusal', async (t) => {
  const clock = new FakeClock();
  const limit = new RateLimit(clock, { capacity: 1, refillMs: 1_000 });
  t.equal(limit.waitMs('a'), 0);
  t.equal(limit.size, 0);
  limit.take('a');
  for (let i = 0; i < 100; i++) limit.take('a');
  await clock.advance(1_000);
  t.equal(limit.waitMs('a'), 0);
});

t.test('a returned token can be taken again, and never exceeds the capacity', async (t) => {
  const clock = new FakeClock();
  const limit = new RateLimit(clock, { capacity: 2, refillMs: 1_000 });
  limit.take('a');
  limit.take('a');
  limit.giveBack('a');
  t.same([limit.take('a'), limit.take('a')], [0, 1_000]);
  await clock.advance(1_500);
  limit.giveBack('a');
  t.equal(limit.size, 0);
  limit.giveBack('a');
  t.same([limit.take('a'), limit.take('a'), limit.take('a')], [0, 0, 1_000]);
});

t.test('the number of keys is limited: recovered keys and the least recently used are dropped', async (t) => {
  const clock = new FakeClock();
  const limit = new RateLimit(clock, { capacity: 1, refillMs: 1_000, maximumKeys: 100 });
  for (let i = 0; i < 1_000; i++) limit.take(`key ${i}`);
  t.equal(limit.size, 100);
  t.equal(limit.waitMs('key 0'), 0);
  t.equal(limit.waitMs('key 999'), 1_000);
  await clock.advance(2_000);
  limit.take('one more');
  t.equal(limit.size, 1);
});

t.test('a network block is an IPv4 address or an IPv6 /64', async (t) => {
  t.equal(networkBlock('192.0.2.7'), '192.0.2.7');
  t.equal(networkBlock('::ffff:192.0.2.7'), '192.0.2.7');
  t.equal(networkBlock('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  t.equal(networkBlock('2001:0db8:0001:0002:ffff::1'), '2001:db8:1:2::/64');
  t.equal(networkBlock('2001:db8::1'), '2001:db8:0:0::/64');
  t.equal(networkBlock('fe80::1%eth0'), 'fe80:0:0:0::/64');
  t.equal(networkBlock('::1'), '0:0:0:0::/64');
  t.equal(networkBlock('192.0.2.7:4711'), '192.0.2.7', 'with a port');
  t.equal(networkBlock('[2001:db8:1:2::7]:443'), '2001:db8:1:2::/64', 'with a port');
  t.equal(networkBlock('not an address'), 'not an address');
});
