import t from 'tap';
import type { ChatMessage } from '../../../src/api/contract.js';
import { ChatLog, holdBackMs } from '../../../src/web/chat/chat-log.js';

function message(id: string, userId = 'u'): ChatMessage {
  const date = '2026-01-01T00:00:00Z';
  return { id, streamId: 's', userId, name: 'Ann', message: id, createdAt: date, mediaTime: date };
}

const ids = (log: ChatLog): string[] => log.messages.map(({ id }) => id);

t.test('messages added out of order and twice are kept once, ordered by id', async (t) => {
  const log = new ChatLog();
  log.add([message('c'), message('a')]);
  log.add([message('b'), message('a'), message('d'), message('c')]);
  t.strictSame(ids(log), ['a', 'b', 'c', 'd']);
  t.equal(log.lastId, 'd');
});

t.test('deleted messages stay deleted when they arrive again or late', async (t) => {
  const log = new ChatLog();
  log.add([message('a'), message('b')]);
  log.remove(['a', 'c']);
  log.add([message('a'), message('c'), message('d', 'spammer'), message('e', 'spammer')]);
  t.strictSame(ids(log), ['b', 'd', 'e']);
  log.removeByUser('spammer', 'd');
  t.strictSame(ids(log), ['b', 'e']);
});

t.test('a resent message is shown once, whichever of its ids the server stored', async (t) => {
  const log = new ChatLog();
  const sent = (id: string, clientId: string, userId = 'u'): ChatMessage => {
    return { ...message(id, userId), clientId };
  };
  log.add([sent('a', '1'), message('b'), sent('c', '1', 'other')]);
  log.add([sent('d', '1')]);
  t.strictSame(ids(log), ['b', 'c', 'd'], 'the first id was never stored');
  log.remove(['d']);
  t.strictSame(ids(log), ['a', 'b', 'c'], 'the first id was stored');
});

t.test('a log of 400 messages keeps the newest 300', async (t) => {
  const log = new ChatLog();
  log.add(Array.from({ length: 400 }, (_, n) => message(String(n).padStart(4, '0'))));
  t.equal(log.messages.length, 300);
  t.equal(log.messages[0]?.id, '0100');
});

t.test('a message is held until playback reaches its media time, 20 seconds at most', async (t) => {
  const mediaTime = '2026-01-01T00:00:10Z';
  const hold = (date: string): number => holdBackMs({ mediaTime }, Date.parse(date));
  t.equal(holdBackMs({ mediaTime }, undefined), 0, 'live');
  t.equal(hold('2026-01-01T00:00:06Z'), 4_000, 'the sender is ahead');
  t.equal(hold('2026-01-01T00:00:12Z'), 0, 'the sender is behind');
  t.equal(hold('2025-01-01T00:00:00Z'), 20_000);
  t.equal(holdBackMs({ mediaTime: 'nonsense' }, Date.parse(mediaTime)), 0);
});
