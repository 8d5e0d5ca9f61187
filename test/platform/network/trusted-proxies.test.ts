import t from 'tap';
import { AddressQuota, proxyTrust, trustedProxies } from '../../../src/platform/index.js';

const read = (value: string) => trustedProxies(value, 'TRUST_PROXY');

t.test('trusted proxies are all, none, or addresses and networks of both families', async (t) => {
  for (const yes of ['true', 'yes', '1', 'on', 'TRUE']) t.equal(read(yes), true);
  for (const no of ['false', 'no', '0', 'off']) t.equal(read(no), false);
  t.strictSame(read('127.0.0.1'), ['127.0.0.1']);
  t.strictSame(read('127.0.0.1, 10.0.0.0/8 ,2001:db8::/32'), ['127.0.0.1', '10.0.0.0/8', '2001:db8::/32']);
});

t.test('an invalid address or network is refused by name', async (t) => {
  for (const [value, named] of [
    ['maybe', 'maybe'],
    ['10.0.0.0/33', '10.0.0.0/33'],
    ['nginx', 'nginx'],
    ['127.0.0.1,', ''],
    ['127.0.0.1,::1/129', '::1/129'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['127.0.0.1,::/0', '::/0'],
    ['true,127.0.0.1', 'true'],
  ] as const)
    t.throws(() => read(value), {
      message: new RegExp(`^TRUST_PROXY must be true, false, or .*not "${named.replaceAll('.', '\\.')}"`),
    });
});

t.test('a hop is trusted when the setting contains its address', async (t) => {
  const listed = proxyTrust(['127.0.0.1', '10.0.0.0/8', 'fd00::/8']);
  for (const address of ['127.0.0.1', '::ffff:127.0.0.1', '10.200.3.4', 'fd12::7'])
    for (const hop of [0, 1, 5]) t.equal(listed(address, hop), true, address);
  for (const address of ['127.0.0.2', '192.0.2.1', '2001:db8::1', 'unknown', '', '10.0.0.1:80'])
    t.equal(listed(address, 0), false, address);
  t.equal(proxyTrust(true)('192.0.2.1', 0), true, 'the nearest hop');
  t.equal(proxyTrust(true)('192.0.2.1', 1), false, 'no other hop');
  t.equal(proxyTrust(false)('127.0.0.1', 0), false);
});

t.test('an address has at most its share, together with other addresses of its /64', async (t) => {
  const share = new AddressQuota(2);
  const first = share.take('2001:db8::1');
  t.ok(first);
  t.ok(share.take('2001:db8::2'));
  t.equal(share.take('2001:db8::3'), undefined);
  t.ok(share.take('2001:db8:0:1::1'), 'another network');
  first?.();
  first?.(); // The second call has no effect.
  t.ok(share.take('2001:db8::3'));
  t.equal(share.take('2001:db8::3'), undefined);
});
