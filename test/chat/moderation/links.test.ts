import t from 'tap';
import { hasLink } from '../../../src/chat/moderation/links.js';

t.test('links are detected in the notations that people use', async (t) => {
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
