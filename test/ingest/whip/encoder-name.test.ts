import t from 'tap';
import { encoderName } from '../../../src/ingest/whip/encoder-name.js';

t.test('user agents yield the names of their programs', async (t) => {
  const names: [string | undefined, string | undefined][] = [
    ['Mozilla/5.0 (OBS-Studio/30.2.3; Linux x86_64; en-US)', 'OBS 30.2.3'],
    ['Mozilla/5.0 (OBS-Studio/31.0.0-beta1; Mac OS X; de-DE)', 'OBS 31.0.0-beta1'],
    ['OBS-Studio/30.2.3 (Linux x86_64; en-US)', 'OBS 30.2.3'],
    [`Mozilla/5.0 (OBS-Studio/${'3'.repeat(100)})`, `OBS ${'3'.repeat(60)}`],
    ['Mozilla/5.0', undefined],
    ['Mozilla/5.0 (compatible)', undefined],
    ['Lavf/61.1.100', 'Lavf 61.1.100'],
    [
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
      'Chrome 131',
    ],
    [
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0',
      'Edge 131',
    ],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', 'Firefox 128'],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
      'Safari 17',
    ],
    [`x${'y'.repeat(200)}`, `x${'y'.repeat(63)}`],
    ['', undefined],
    [undefined, undefined],
  ];
  for (const [userAgent, name] of names) t.equal(encoderName(userAgent), name);
});

t.test('the offer of OBS names it where the user agent does not', async (t) => {
  const offer = (track: string): string => `v=0\r\na=msid:Zk3Jq0PfW8aLx2Rt ${track}-audio\r\na=mid:0\r\n`;
  const own = offer('Zk3Jq0PfW8aLx2Rt');
  t.equal(encoderName('Mozilla/5.0', own), 'OBS');
  t.equal(encoderName(undefined, own), 'OBS');
  t.equal(encoderName('Mozilla/5.0 (OBS-Studio/30.2.3; OpenBSD; en-US)', own), 'OBS 30.2.3');
  t.equal(encoderName('Larix/1.3', own), 'Larix 1.3');
  t.equal(encoderName('Mozilla/5.0', offer('Zk3Jq0PfW8aLx2RT')), undefined);
});
