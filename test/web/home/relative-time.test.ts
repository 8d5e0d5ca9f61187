import t from 'tap';
import { countdownText, relativeTimeText, uptimeText } from '../../../src/web/home/relative-time.js';

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

t.test('a planned broadcast is counted down during the last day', async (t) => {
  const now = Date.parse('2026-05-01T12:00:00Z');
  t.equal(countdownText('2026-05-01T12:00:00Z', now), 'Starts soon');
  t.equal(countdownText('2026-05-01T12:00:59.5Z', now), 'Starts in 1:00');
  t.equal(countdownText('2026-05-02T11:59:59Z', now), 'Starts in 23:59:59');
  t.match(countdownText('2026-05-04T12:00:00Z', now), /^Starts .*2026/);
});

t.test('a broadcast that seems to start later has run for no time', async (t) => {
  const now = Date.parse('2026-05-01T12:00:00Z');
  t.equal(uptimeText('2026-05-01T10:58:57Z', now), '1:01:03');
  t.equal(uptimeText('2026-05-01T12:00:03Z', now), '0:00');
});
