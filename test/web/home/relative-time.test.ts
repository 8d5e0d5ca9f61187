import t from 'tap';
import { relativeTimeText } from '../../../src/web/home/relative-time.js';

t.test('a time is given in its greatest unit, before and after now', async (t) => {
  const now = Date.parse('2026-05-01T12:00:00Z');
  const texts = [
    '2026-05-01T12:00:40Z',
    '2026-05-01T12:01:30Z',
    '2026-05-01T14:59:00Z',
    '2026-05-03T12:00:00Z',
    '2026-05-01T11:55:00Z',
    '2026-04-30T12:00:00Z',
  ].map((time) => relativeTimeText(time, now, 'en'));
  t.same(texts, ['this minute', 'in 1 minute', 'in 2 hours', 'in 2 days', '5 minutes ago', 'yesterday']);
});
