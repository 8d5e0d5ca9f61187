import t from 'tap';
import {
  assertSafe,
  readLocalTransport,
  transportDescription,
} from '../../../src/webrtc/worker/transport-description.js';

const REMOTE = { iceUfrag: 'u', icePwd: 'p', fingerprint: 'sha-256 AA', setup: 'actpass' } as const;
const SDP = [
  'v=0',
  'a=ice-ufrag:abcd',
  'a=ice-pwd:0123456789',
  'a=fingerprint:sha-256 BB:CC',
  'a=setup:active',
  'a=candidate:1 1 UDP 2122317823 10.0.0.5 8189 typ host',
  'a=candidate:2 1 UDP 2122187007 2001:db8::5 8189 typ host',
  '',
].join('\r\n');

t.test('the description has one media line, both directions and no candidates', async (t) => {
  const lines = transportDescription(REMOTE).split('\r\n');
  t.equal(lines.filter((line) => line.startsWith('m=')).length, 1);
  t.ok(lines.includes('a=sendrecv'));
  t.ok(lines.includes('a=ice-ufrag:u') && lines.includes('a=fingerprint:sha-256 AA'));
  t.notOk(lines.some((line) => line.startsWith('a=candidate')));
});

t.test('a value with a line break is rejected', async (t) => {
  assertSafe(REMOTE);
  for (const invalid of ['x\r\na=candidate:1', 'x\n', 'x\0'])
    for (const name of ['iceUfrag', 'icePwd', 'fingerprint'] as const)
      t.throws(() => assertSafe({ ...REMOTE, [name]: invalid }));
});

t.test('public addresses replace host candidates of their family', async (t) => {
  const read = (publicIps: string[]): string[] | undefined =>
    readLocalTransport(SDP, { port: 8189, publicIps })?.candidates.map((line) =>
      line.split(' ').slice(4, 6).join(' '),
    );
  t.same(read([]), ['10.0.0.5 8189', '2001:db8::5 8189']);
  t.same(read(['203.0.113.1']), ['203.0.113.1 8189', '2001:db8::5 8189']);
  t.same(read(['203.0.113.1', '203.0.113.2', '2001:db8::99']), [
    '203.0.113.1 8189',
    '203.0.113.2 8189',
    '2001:db8::99 8189',
  ]);
  const alone = readLocalTransport(SDP.replaceAll(/a=candidate.*\r\n/g, ''), { port: 8189, publicIps: [] });
  t.match(alone?.candidates, [/ 127\.0\.0\.1 8189 typ host$/], 'a host without a network announces loopback');
  t.match(alone, { iceUfrag: 'abcd', icePwd: '0123456789', fingerprint: 'sha-256 BB:CC', setup: 'active' });
  t.equal(readLocalTransport('v=0\r\n', { port: 1, publicIps: [] }), undefined);
});
