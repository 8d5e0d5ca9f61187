import t from 'tap';
import type { ChatMessage } from '../../../src/api/contract.js';
import { ChatLog } from '../../../src/web/chat/chat-log.js';

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
  t.equal(log.firstId, 'a');
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

t.test('a log keeps the newest messages up to its limit, and drops older ones many at a time', async (t) => {
  const log = new ChatLog(300);
  const all = Array.from({ length: 501 }, (_, n) => message(String(n).padStart(4, '0')));
  log.add(all.slice(0, 500));
  t.equal(log.messages.length, 500);
  t.ok(log.isFull);
  log.add(all.slice(500));
  t.equal(log.messages.length, 300);
  t.equal(log.firstId, '0201');
});

t.test('messages that were held back are shown behind those that were shown meanwhile', async (t) => {
  const log = new ChatLog();
  log.add([message('a'), message('d')]);
  log.add([message('b'), message('c')], true);
  t.strictSame(ids(log), ['a', 'd', 'b', 'c']);
  log.add([message('e')]);
  log.add([message('f')], true);
  log.add([message('0')]);
  t.strictSame(ids(log), ['0', 'a', 'd', 'b', 'c', 'e', 'f'], 'older ones go before');
  log.add([message('b')], true);
  t.equal(log.messages.length, 7, 'once');
});
