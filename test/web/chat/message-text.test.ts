import t from 'tap';
import { completed, completionsOf, mentions, piecesOf } from '../../../src/web/chat/message-text.js';

const mentioned = (message: string, names: string[] = []): string[] =>
  piecesOf(message, names).flatMap(({ text, isMention }) => (isMention ? [text] : []));

t.test('mentions are found at the start of words, names with spaces where they are known', async (t) => {
  t.strictSame(mentioned('@Ann and @Bén_2: mail a@b.c'), ['@Ann', '@Bén_2']);
  t.strictSame(mentioned('hello @Ann Lee!', ['Ann', 'Ann Lee']), ['@Ann Lee']);
  t.strictSame(mentioned('hello @Ann Leeward', ['Ann Lee']), ['@Ann']);
  t.strictSame(mentioned('@ nobody, @@twice'), []);
});

t.test('the pieces of a message make up the message', async (t) => {
  for (const message of ['', '@Ann', 'x @Ann', '@Ann @Ben  @Cay y', '<b>@Ann</b>', 'العربية @Ann'])
    t.equal(
      piecesOf(message, ['Ann'])
        .map(({ text }) => text)
        .join(''),
      message,
    );
});

t.test('a message mentions a name as a whole, whatever its case', async (t) => {
  t.ok(mentions('well, @ann!', 'Ann'));
  t.ok(mentions('@Ann Lee: yes', 'Ann Lee'));
  t.notOk(mentions('@Anna', 'Ann'));
  t.notOk(mentions('mail@Ann', 'Ann'));
  t.notOk(mentions('Ann', 'Ann'));
  t.notOk(mentions('@', ''));
});

t.test('a mention that is typed is completed from names, at most five', async (t) => {
  const names = ['Ann', 'Anna', 'Ben', 'Ann'];
  t.strictSame(completionsOf('hi @an', names), ['Ann', 'Anna']);
  t.strictSame(completionsOf('hi @', ['a', 'b', 'c', 'd', 'e', 'f']), ['a', 'b', 'c', 'd', 'e']);
  t.strictSame(completionsOf('hi an', names), []);
  t.strictSame(completionsOf('mail@an', names), []);
  t.equal(completed('hi @an', 'Ann$&'), 'hi @Ann$& ');
});
