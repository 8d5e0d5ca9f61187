import t from 'tap';
import { cleanName, normaliseMessage } from '../../../src/chat/messages/message-text.js';

t.test('a message is normalised to one line in NFC without directional formatting', async (t) => {
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

t.test('a display name is normalised to its visible characters', async (t) => {
  t.equal(cleanName('A\u202enn\u0007\nB'), 'Ann B');
  t.equal(cleanName(' \u200b '), 'Somebody');
  t.equal([...cleanName('\u{1f600}'.repeat(300))].length, 100);
});
