import t from 'tap';
import { fold, termsMatcher } from '../../../src/chat/moderation/blocked-terms.js';

t.test('blocked terms match whole words in any case, width and accents', async (t) => {
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

t.test('terms with regular expression syntax are literals, and long messages match fast', async (t) => {
  t.notOk(termsMatcher(['(a+)+$', '[a-z]'])(`${'a'.repeat(499)}!`));
  t.ok(termsMatcher(['c++'])('i like c++ a lot'));
});
