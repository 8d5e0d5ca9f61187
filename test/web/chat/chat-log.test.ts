import t from 'tap';
import { ChatLog, type ChatMessage, holdBack } from '../../../src/web/chat/chat-log.js';

function message(id: string, userId = 'u'): ChatMessage {
  const date = '2026-01-01T00:00:00Z';
  return { id, userId, name: 'Ann', message: id, createdAt: date, mediaTime: date };
}

const ids = (log: ChatLog): string[] => log.messages.map(({ id }) => id);

t.test('messages stand in the order of their ids, each once, however they come', async (t) => {
  const log = new ChatLog();
  log.add([message('c'), message('a')]);
  log.add([message('b'), message('a'), message('d'), message('c')]);
  t.strictSame(ids(log), ['a', 'b', 'c', 'd']);
  t.equal(log.last, 'd');
});

t.test('what was taken back is gone, also when it comes again or comes late', async (t) => {
  const log = new ChatLog();
  log.add([message('a'), message('b')]);
  log.remove(['a', 'c']);
  log.add([message('a'), message('c'), message('d', 'spammer'), message('e', 'spammer')]);
  t.strictSame(ids(log), ['b', 'd', 'e']);
  log.removeOf('spammer', 'd');
  t.strictSame(ids(log), ['b', 'e']);
});

t.test('a message that was sent again stands once, whichever of its ids holds in the end', async (t) => {
  const log = new ChatLog();
  const sent = (id: string, clientId: string, userId = 'u'): ChatMessage => {
    return { ...message(id, userId), clientId };
  };
  log.add([sent('a', '1'), message('b'), sent('c', '1', 'other')]);
  log.add([sent('d', '1')]);
  t.strictSame(ids(log), ['b', 'c', 'd'], 'the former one was never stored');
  log.remove(['d']);
  t.strictSame(ids(log), ['a', 'b', 'c'], 'it was, after all');
});

t.test('a page keeps the newest 300', async (t) => {
  const log = new ChatLog();
  log.add(Array.from({ length: 400 }, (_, n) => message(String(n).padStart(4, '0'))));
  t.equal(log.messages.length, 300);
  t.equal(log.messages[0]?.id, '0100');
});

t.test('a message waits until its reader sees what its sender saw, at most 20 seconds', async (t) => {
  const mediaTime = '2026-01-01T00:00:10Z';
  const hold = (date: string): number => holdBack({ mediaTime }, Date.parse(date));
  t.equal(holdBack({ mediaTime }, undefined), 0, 'live');
  t.equal(hold('2026-01-01T00:00:06Z'), 4_000, 'the sender saw more');
  t.equal(hold('2026-01-01T00:00:12Z'), 0, 'the sender saw less');
  t.equal(hold('2025-01-01T00:00:00Z'), 20_000);
  t.equal(holdBack({ mediaTime: 'nonsense' }, Date.parse(mediaTime)), 0);
});
