import t from 'tap';
import { accountNameKey, readAccountName } from '../../../src/accounts/identity/account-name.js';

t.test('names in all scripts are accepted as written', async (t) => {
  for (const name of [
    'Ada',
    'ada_lovelace-1815',
    'Ада Лавлейс',
    '愛美三',
    'مريم',
    'ณัฐวุฒิ',
    'José O’Neill',
    'a🎥b',
  ])
    t.equal(readAccountName(name).name, name.normalize('NFKC'));
  t.equal(readAccountName('  Ada  ').name, 'Ada', 'without surrounding spaces');
});

t.test('compatible letter forms and cases give the same name key', async (t) => {
  t.equal(readAccountName('Ａｄａ').name, 'Ada');
  const same = [
    ['Ada', 'aDA'],
    ['Straße', 'STRASSE'],
    ['ΣΊΣΥΦΟΣ', 'σίσυφος'],
    ['José', 'JOSE\u0301'],
    ['ﬁnn', 'FINN'],
    ['İpek', 'i\u0307pek'],
  ];
  for (const [one = '', other = ''] of same)
    t.equal(accountNameKey(one), accountNameKey(other), `${one} = ${other}`);
  t.not(accountNameKey('Ada'), accountNameKey('Eda'));
});

t.test('names that are invisible or imitate others are refused', async (t) => {
  const wrong = [
    '',
    'ab',
    'x'.repeat(33),
    '\u202Eadmin',
    'ad\u200Bmin',
    'ad\u00ADmin',
    'admin\u3164',
    '\u2800\u2800\u2800',
    'two  blanks',
    'line\nbreak',
    'nul\u0000l',
    '...',
    '🎥🎥🎥',
    'а' + 'dmin', // The first letter is Cyrillic.
    `z${'\u0335'.repeat(6)}alg`,
    '\u0301abc',
    'lone\uD800surrogate',
    'ﷺﷺ',
  ];
  for (const name of wrong)
    t.throws(() => readAccountName(name), { status: 400, code: 'name_invalid' }, JSON.stringify(name));
});
