import t from 'tap';
import { idAfter, isUuid, parseUuid } from '../../src/platform/index.js';

t.test('the id after an id is one greater and keeps version and variant', async (t) => {
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
