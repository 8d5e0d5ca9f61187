import t from 'tap';
import { validate, version } from 'uuid';
import { idAfter, idBoundary, idTime, isUuid, newId, parseUuid } from '../../src/platform/index.js';

t.test('the successor of an id is one greater and keeps version and variant', async (t) => {
  t.equal(idAfter('01a20862-d451-7504-886f-705f148be2ff'), '01a20862-d451-7504-886f-705f148be300');
});

t.test('a UUID in any case is parsed to lower case, other text to undefined', async (t) => {
  const id = '01a20862-d451-7504-886f-705f148be2ff';
  for (const text of [id, id.toUpperCase()]) {
    t.ok(isUuid(text));
    t.equal(parseUuid(text), id);
  }
  for (const text of [
    '',
    'x',
    `${id}0`,
    `{${id}}`,
    id.replaceAll('-', ''),
    id.replace('0', 'g'),
    `${id}\n`,
  ]) {
    t.notOk(isUuid(text), text);
    t.equal(parseUuid(text), undefined);
  }
});

t.test('the boundary of a moment lies between the ids before and after it', async (t) => {
  const now = Date.now();
  t.ok(idBoundary(new Date(now - 60_000)) < newId());
  t.ok(newId() < idBoundary(new Date(now + 60_000)));
  t.equal(idBoundary(new Date(0x0192_3456_789a)), '01923456-789a-7000-8000-000000000000');
});

t.test('the boundary of a moment outside of the range of ids is a UUID in order', async (t) => {
  const first = '00000000-0000-7000-8000-000000000000';
  const moments: [string, number, string][] = [
    ['the epoch', 0, first],
    ['one ms before the epoch', -1, first],
    ['the year 1920', Date.UTC(1920, 0, 1), first],
    ['the earliest Date', -8.64e15, first],
    ['the last ms of 48 bits', 2 ** 48 - 1, 'ffffffff-ffff-7000-8000-000000000000'],
    ['the latest Date', 8.64e15, 'ffffffff-ffff-7000-8000-000000000000'],
  ];
  for (const [name, unixMs, boundary] of moments) {
    t.equal(idBoundary(new Date(unixMs)), boundary, name);
    t.ok(validate(boundary) && version(boundary) === 7 && isUuid(boundary), `${name}: valid`);
  }
  t.throws(() => idBoundary(new Date(Number.NaN)), RangeError);
});

t.test('the time of an id is that of its creation, at most in the year 9999', async (t) => {
  const now = Date.now();
  t.ok(Math.abs(idTime(newId()).getTime() - now) < 1_000);
  t.equal(idTime(idBoundary(new Date(0))).getTime(), 0);
  t.equal(idTime('ffffffff-ffff-7fff-bfff-ffffffffffff').toISOString(), '9999-12-31T00:00:00.000Z');
});
