import t from 'tap';
import { isAddressRange, isWithin } from '../../../src/platform/index.js';

t.test('address ranges are addresses and networks of both families', async (t) => {
  for (const text of ['192.0.2.7', '192.0.2.0/24', '0.0.0.0/0', '2001:db8::1', '2001:db8::/32', '::/0'])
    t.ok(isAddressRange(text), text);
  for (const text of [
    '',
    '192.0.2',
    '192.0.2.7/33',
    '2001:db8::/129',
    '192.0.2.7/',
    'example.test',
    '1.2.3.4/-1',
    "'",
  ])
    t.notOk(isAddressRange(text), text);
});

t.test('an address in any notation is found in networks', async (t) => {
  t.ok(isWithin('192.0.2.7', ['192.0.2.0/24']));
  t.ok(isWithin('::ffff:192.0.2.7', ['192.0.2.0/24']), 'an IPv4-mapped IPv6 address');
  t.ok(isWithin('fe80::1%eth0', ['fe80::/10']), 'with a zone');
  t.ok(isWithin('2001:db8:1::5', ['192.0.2.0/24', '2001:db8::/32']));
  t.notOk(isWithin('192.0.3.7', ['192.0.2.0/24']));
  t.notOk(isWithin('2001:db9::1', ['2001:db8::/32']));
  t.notOk(isWithin('not an address', ['0.0.0.0/0', '::/0']));
  t.notOk(isWithin('192.0.2.7', []));
});
