import t from 'tap';
import type { ChatMessage } from '../../../src/api/contract.js';
import { MessageChunks } from '../../../src/web/chat/message-chunks.js';

const messages = (from: number, to: number): ChatMessage[] =>
  Array.from(
    { length: to - from },
    (_, index) => ({ id: String(from + index).padStart(5, '0') }) as ChatMessage,
  );

t.test(
  'chunks keep their borders when messages are added at the end, before the start, and removed',
  async (t) => {
    const chunks = new MessageChunks();
    const keys = (list: ChatMessage[]): string[] => chunks.of(list).map(({ key }) => key);
    t.strictSame(keys(messages(1_000, 1_120)), ['01000', '01050', '01100']);
    t.strictSame(keys(messages(1_000, 1_151)), ['01000', '01050', '01100', '01150']);
    const withoutOne = messages(1_000, 1_151).filter(({ id }) => id !== '01060');
    t.strictSame(keys(withoutOne), ['01000', '01050', '01100', '01150']);
    t.strictSame(keys(messages(970, 1_151)), ['00970', '01000', '01050', '01100', '01150']);
  },
);

t.test('all of 5,000 messages are in chunks of at most fifty, in order', async (t) => {
  const list = messages(0, 5_000);
  const chunks = new MessageChunks().of(list);
  t.strictSame(
    chunks.flatMap((chunk) => chunk.messages),
    list,
  );
  t.ok(chunks.every((chunk) => chunk.messages.length <= 50));
});
