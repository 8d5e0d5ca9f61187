import t from 'tap';
import { TargetPolicy } from '../../src/platform/index.js';
import { parseTarget, rtmpAddress } from '../../src/restreams/target-address.js';

const policy = new TargetPolicy({ privateAddresses: false });

t.test('an RTMP key in the path or beside the URL is separated and masked', async (t) => {
  const beside = parseTarget(
    { url: 'rtmps://live.example:443/rtmp/', key: 'FB-12345678?s_bl=1&a=b' },
    policy,
  );
  t.match(beside, { protocol: 'rtmps', shownUrl: 'rtmps://live.example:443/rtmp', shownKey: '…&a=b' });
  t.match(rtmpAddress(beside.secret), { host: 'live.example', port: 443, secure: true, app: 'rtmp' });
  const inPath = parseTarget({ url: 'rtmp://live.example/app/instance/short' }, policy);
  t.same(inPath, {
    protocol: 'rtmp',
    secret: { url: 'rtmp://live.example/app/instance', key: 'short' },
    shownUrl: 'rtmp://live.example/app/instance',
    shownKey: '…',
  });
  t.match(rtmpAddress(inPath.secret), { port: 1935, app: 'app/instance' });
});

t.test('WHIP and SRT addresses show nothing that is secret', async (t) => {
  t.match(parseTarget({ url: 'https://whip.example/secret-path?token=x' }, policy), {
    protocol: 'whip',
    shownUrl: 'https://whip.example/…?…',
    shownKey: null,
  });
  t.match(parseTarget({ url: 'https://whip.example/live', key: 'bearer-token-1234' }, policy), {
    shownUrl: 'https://whip.example/live',
    shownKey: '…1234',
  });
  t.same(
    parseTarget(
      { url: 'srt://srt.example:9000?streamid=publish:a&passphrase=0123456789&latency=200' },
      policy,
    ),
    {
      protocol: 'srt',
      secret: { url: 'srt://srt.example:9000?latency=200', key: 'publish:a', passphrase: '0123456789' },
      shownUrl: 'srt://srt.example:9000?latency=200',
      shownKey: '…',
    },
  );
});

t.test('addresses that could do harm are refused', async (t) => {
  for (const url of [
    'file:///etc/passwd',
    'concat:rtmp://a/b/c',
    'rtmp://user:password@live.example/app/key',
    'rtmp://live.example/app/key#x',
    'rtmp://live.example/app/k\tey',
    'rtmp://live.example/app/k ey',
    'rtmp://live.example:0/app/key',
    'rtmp:///app/key',
    `rtmp://live.example/${'a'.repeat(1_000)}/key`,
    'srt://srt.example',
    'srt://srt.example:9000/path',
    'srt://srt.example:9000?mode=listener',
    'srt://srt.example:9000?localaddr=x',
  ])
    t.throws(() => parseTarget({ url }, policy), { status: 400, code: 'url_not_allowed' }, url);
  for (const host of [
    '127.0.0.1',
    '2130706433',
    '0x7f.1',
    '10.0.0.1',
    '[::1]',
    '[::ffff:7f00:1]',
    '169.254.169.254',
  ])
    for (const scheme of ['rtmp', 'rtmps', 'https'])
      t.throws(
        () => parseTarget({ url: `${scheme}://${host}/app/key` }, policy),
        { code: 'url_not_allowed' },
        host,
      );
  for (const key of ['', 'with space', 'line\r\nbreak', 'ü', 'x'.repeat(501)])
    t.throws(() => parseTarget({ url: 'rtmp://live.example/app', key }, policy), {
      code: 'restream_key_invalid',
    });
  t.throws(() => parseTarget({ url: 'rtmp://live.example/app' }, policy), { code: 'restream_key_invalid' });
});
