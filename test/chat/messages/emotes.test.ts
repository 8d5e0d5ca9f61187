import t from 'tap';
import { isEmotes, isOneEmote } from '../../../src/chat/messages/emotes.js';

t.test('a text of emotes only is distinguished from words', async (t) => {
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
  t.notOk(isEmotes(`${'\u{1f44d}\u{1f3fd}'.repeat(250)}x`), 'in linear time');
});
