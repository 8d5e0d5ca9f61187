import t from 'tap';
import { ChatLog, type ChatMessage, dueAt } from '../../src/web/chat-log.js';

function message(id: string, userId = 'u'): ChatMessage {
  return { id, userId, name: 'Ann', message: id, createdAt: '2026-01-01T00:00:00Z', mediaTime: null };
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
  log.add([message('a'), message('c'), message('d', 'spammer')]);
  t.strictSame(ids(log), ['b', 'd']);
  log.removeOf('spammer');
  t.strictSame(ids(log), ['b']);
});

t.test('a page keeps the newest 300', async (t) => {
  const log = new ChatLog();
  log.add(Array.from({ length: 400 }, (_, n) => message(String(n).padStart(4, '0'))));
  t.equal(log.messages.length, 300);
  t.equal(log.messages[0]?.id, '0100');
});

t.test(
  'a message waits until its reader sees what its sender saw, and no longer than 20 seconds',
  async (t) => {
    const now = Date.parse('2026-01-01T00:00:10Z');
    const at = (mediaTime: string | null, behindMs: number): number =>
      dueAt({ mediaTime }, behindMs, now) - now;
    t.equal(at(null, 5_000), 0);
    t.equal(at('2026-01-01T00:00:10Z', 4_000), 4_000, 'from somebody at the live edge');
    t.equal(at('2026-01-01T00:00:06Z', 4_000), 0, 'from somebody as far behind');
    t.equal(at('2026-01-01T00:00:10Z', 500_000), 20_000);
    t.equal(at('nonsense', 4_000), 0);
  },
);
