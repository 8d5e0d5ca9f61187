import t from 'tap';
import { readTime } from '../../../src/api/server/request-time.js';
import { assertRefused } from '../../support/fixtures/refusal.js';

t.test('a time with any offset is read as its moment', async (t) => {
  for (const [text, iso] of [
    ['2026-05-01T18:00:00Z', '2026-05-01T18:00:00.000Z'],
    ['2026-05-01T20:00:00+02:00', '2026-05-01T18:00:00.000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ] as const)
    t.equal(readTime(text, 'expiresAt').toISOString(), iso);
});

t.test('a time that the database cannot store is refused', async (t) => {
  for (const text of [
    '2026-12-31T23:59:60Z',
    '0000-12-31T23:59:59Z',
    '0001-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59-00:01',
    '+010000-01-01T00:00:00Z',
    'soon',
  ])
    await assertRefused(t, () => readTime(text, 'expiresAt'), 400, 'validation_failed');
});
