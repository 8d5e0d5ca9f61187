import t from 'tap';
import { commandOf, type Focus } from '../../../../src/web/player/controls/shortcuts.js';
import { playerTexts } from '../../../../src/web/texts/player.js';

const press = (key: string, focus: Focus = 'player', modifiers = {}) =>
  commandOf({ key, altKey: false, ctrlKey: false, metaKey: false, ...modifiers }, focus)?.do;

t.test('keys operate the player, in either case', async (t) => {
  t.equal(press(' '), 'toggle-play');
  t.equal(press('K'), 'toggle-play');
  t.equal(press('?'), 'toggle-help');
  t.strictSame(commandOf({ key: 'j', altKey: false, ctrlKey: false, metaKey: false }, 'page'), {
    do: 'seek',
    seconds: -10,
  });
  t.equal(press('x'), undefined);
});

t.test('keys of the browser, of text fields and of focused controls are left to them', async (t) => {
  t.equal(press('f', 'player', { ctrlKey: true }), undefined);
  t.equal(press('m', 'text'), undefined, 'letters in the chat');
  t.equal(press(' ', 'control'), undefined, 'a button is pressed by it');
  t.equal(press('ArrowLeft', 'control'), undefined, 'a range is moved by it');
  t.equal(press('m', 'control'), 'toggle-mute');
  t.equal(press('ArrowUp', 'page'), undefined, 'the page scrolls');
  t.equal(press('ArrowUp', 'player'), 'change-volume');
  t.equal(press(' ', 'elsewhere'), undefined, 'a list scrolls');
  t.equal(press('ArrowRight', 'page'), 'seek');
});

t.test('each key of the help has an effect', async (t) => {
  const names: Record<string, string> = {
    Space: ' ',
    '←': 'ArrowLeft',
    '→': 'ArrowRight',
    '↑': 'ArrowUp',
    '↓': 'ArrowDown',
  };
  for (const [keys] of playerTexts.shortcuts)
    for (const key of keys.split(/[ ,]+/)) t.ok(press(names[key] ?? key), key);
});
