import t from 'tap';
import { TargetPolicy } from '../../../src/platform/index.js';

const open = new TargetPolicy({ privateAddresses: true });
const closed = new TargetPolicy({ privateAddresses: false });

t.test('only http and https URLs without credentials and fragment are accepted', async (t) => {
  t.equal(open.check('https://platform.example/hooks?a=b').href, 'https://platform.example/hooks?a=b');
  for (const url of [
    '',
    'platform.example',
    'ftp://platform.example/',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'https://name:password@platform.example/',
    'https://platform.example/#part',
  ])
    t.throws(() => open.check(url), { status: 400, code: 'url_not_allowed' }, url);
});

t.test('private addresses in any notation are accepted only where configured', async (t) => {
  for (const host of [
    '127.0.0.1',
    '2130706433',
    '0x7f.1',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '[::1]',
    '[fd12::1]',
    '[::ffff:10.0.0.1]',
    '[64:ff9b::a00:1]',
  ]) {
    t.ok(open.check(`http://${host}/`), host);
    t.throws(() => closed.check(`http://${host}/`), { code: 'url_not_allowed' }, host);
  }
  for (const host of ['192.0.2.1', '8.8.8.8', '[2606:4700::1]']) t.ok(closed.check(`http://${host}/`), host);
});

t.test('cloud metadata addresses are refused in every configuration', async (t) => {
  for (const host of [
    '169.254.169.254',
    '[fe80::1]',
    '[fd00:ec2::254]',
    '0.0.0.0',
    '[::]',
    '224.0.0.1',
    '[ff02::1]',
  ])
    for (const policy of [open, closed])
      t.throws(() => policy.check(`http://${host}/`), { code: 'url_not_allowed' }, host);
});

t.test('a host name resolves to its allowed addresses only', async (t) => {
  const resolve = (policy: TargetPolicy, all: boolean) =>
    new Promise((resolve) =>
      policy.lookup('localhost', { all }, (error, address) => resolve(error ?? address)),
    );
  t.match(await resolve(open, false), /^(127\.|::1)/);
  t.match(await resolve(open, true), [{ address: /^(127\.|::1)/ }]);
  t.match(await resolve(closed, false), { code: 'url_not_allowed' });
});
