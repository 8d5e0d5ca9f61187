import t from 'tap';
import { fold, termsMatcher } from '../../src/chat/blocked-terms.js';
import { isEmotes, isOneEmote } from '../../src/chat/emotes.js';
import { hasLink } from '../../src/chat/links.js';
import { cleanName, normaliseMessage } from '../../src/chat/message-text.js';
import { successor } from '../../src/chat/successor.js';

t.test('a message becomes one line in NFC without what reaches beyond it', async (t) => {
  t.equal(normaliseMessage('  Cafe\u0301\r\n\tau lait '), 'Caf\u00e9 au lait');
  t.equal(normaliseMessage('abc\u202edef\u2066x\u2069\u200b\ufeff'), 'abcdefx');
  t.equal(
    normaliseMessage('\u05e9\u05b8\u05c1\u200f \u0928\u094d\u200d\u092f'),
    '\u05e9\u05b8\u05c1\u200f \u0928\u094d\u200d\u092f',
  );
  t.equal(
    normaliseMessage('\u{1f468}\u200d\u{1f469}\u200d\u{1f467} \u2764\ufe0f 1\ufe0f\u20e3'),
    '\u{1f468}\u200d\u{1f469}\u200d\u{1f467} \u2764\ufe0f 1\ufe0f\u20e3',
  );
  t.equal(
    normaliseMessage('<img src=x onerror=alert(1)> & "quotes"'),
    '<img src=x onerror=alert(1)> & "quotes"',
  );
  t.equal(normaliseMessage('e\u0301'.repeat(500)).length, 500, 'counted in NFC');
  t.throws(() => normaliseMessage('x\u0300\u200d\u0300\u200d\u0300\u0300\u0300'), {
    code: 'message_invalid',
  });
});

t.test('a name keeps what can be seen of it', async (t) => {
  t.equal(cleanName('A\u202enn\u0007\nB'), 'Ann B');
  t.equal(cleanName(' \u200b '), 'Somebody');
  t.equal([...cleanName('\u{1f600}'.repeat(300))].length, 100);
});

t.test('blocked terms are found whatever their case, width and accents, as whole words', async (t) => {
  const blocked = termsMatcher([
    'Bad',
    'stra\u00dfe',
    'two words',
    'pre*',
    '*any*',
    '\u99ac\u9e7f',
    '.*',
    '***',
    ' ',
  ]);
  for (const text of [
    'so BAD!',
    'b\u00e4d',
    '\uff42\uff41\uff44',
    'ba\u200bd',
    'b\u0334a\u0334d\u0334',
    'STRASSE',
    'two   WORDS',
    'prefix',
    'manybody',
    '\u4f60\u662f\u99ac\u9e7f\u55ce',
  ])
    t.ok(blocked(text), text);
  for (const text of ['badge', 'forbad', 'twowords', 'supre', '\u99ac', 'x', '!?'])
    t.notOk(blocked(text), text);
  t.notOk(termsMatcher([])('anything'));
  t.equal(fold('\u03a3\u03c3\u03c2'), '\u03a3\u03a3\u03a3');
});

t.test('terms that look like patterns are texts, and long messages take no time', async (t) => {
  t.notOk(termsMatcher(['(a+)+$', '[a-z]'])(`${'a'.repeat(499)}!`));
  t.ok(termsMatcher(['c++'])('i like c++ a lot'));
});

t.test('links are found as people write them', async (t) => {
  for (const text of [
    'see https://example.test/x',
    'HTTP://EXAMPLE.TEST',
    'www.example.test',
    'example.com',
    'go to Example.COM!',
    'shop.example.co/path',
    'host.internal/path?x',
    '10.0.0.1:8080/x',
    '\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45\uff0e\uff43\uff4f\uff4d',
    'example\u3002com',
    'exam\u200bple.com',
    'discord.gg/abc',
    'magnet://x',
  ])
    t.ok(hasLink(text), text);
  for (const text of [
    'Hello.World',
    'v1.2.3',
    'wait...what',
    'e.g. this',
    '3.14',
    'no/yes',
    'ok.',
    'node.js rocks',
    '12:30',
  ])
    t.notOk(hasLink(text), text);
});

t.test('emotes are told from words', async (t) => {
  for (const text of [
    '\u{1f600}',
    '\u{1f600} \u{1f44d}\u{1f3fd}',
    ':kappa: :po_g:',
    '\u2764\ufe0f\u2764',
    '\u{1f1e9}\u{1f1ea}',
    '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}',
  ])
    t.ok(isEmotes(text), text);
  for (const text of ['ok \u{1f600}', ':)', 'kappa', ': kappa :', '12']) t.notOk(isEmotes(text), text);
  t.ok(isOneEmote('\u{1f468}\u200d\u{1f469}\u200d\u{1f467}'));
  t.ok(isOneEmote(':pog:'));
  t.notOk(isOneEmote('\u{1f600}\u{1f600}'));
  t.notOk(isOneEmote('x'));
  t.notOk(isEmotes(`${'\u{1f44d}\u{1f3fd}'.repeat(250)}x`), 'without trying all ways to take them apart');
});

t.test('the id after an id is greater, and of the same kind', async (t) => {
  const id = '01a20862-d451-7504-886f-705f148be2ff';
  t.equal(successor(id), '01a20862-d451-7504-886f-705f148be300');
});
