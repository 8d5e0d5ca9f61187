import t from 'tap';
import { readAacConfiguration } from '../../../src/media/index.js';

t.test('an AudioSpecificConfig yields object type, sample rate and channels', async (t) => {
  const cases: [string, object][] = [
    ['1210', { objectType: 2, sampleRate: 44_100, channels: 2 }],
    ['1190', { objectType: 2, sampleRate: 48_000, channels: 2 }],
    ['1588', { objectType: 2, sampleRate: 8_000, channels: 1 }],
    ['11b0', { objectType: 2, sampleRate: 48_000, channels: 6 }],
    ['11b8', { objectType: 2, sampleRate: 48_000, channels: 8 }],
    ['2b920800', { objectType: 5, sampleRate: 44_100, channels: 2 }],
    ['eb8a0800', { objectType: 29, sampleRate: 44_100, channels: 2 }],
    ['178055f010', { objectType: 2, sampleRate: 44_000, channels: 2 }],
  ];
  for (const [hex, expected] of cases) t.same(readAacConfiguration(Buffer.from(hex, 'hex')), expected, hex);
});

t.test('a truncated or empty AudioSpecificConfig yields undefined', async (t) => {
  for (const hex of ['', '12', '0210', '1690', 'ffff']) {
    t.equal(readAacConfiguration(Buffer.from(hex, 'hex')), undefined, hex);
  }
});
