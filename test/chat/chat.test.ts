import t from 'tap';
import { account, joinChat, startChatFixture, visitor } from '../support/fixtures/chat-fixture.js';
import { until } from '../support/until.js';

const DAY_MS = 86_400_000;

t.test('messages, closed polls and the log are deleted after keepDays, also in memory', async (t) => {
  const { chat, clock, hub, livestream, sql } = await startChatFixture(t, {}, 30);
  const { id: streamId } = await livestream();
  const owner = visitor('owner');
  const poll = { question: 'Well?', options: ['yes', 'no'], seconds: 30 };
  await chat.posting.post(visitor('ann'), streamId, { message: 'old' });
  await chat.moderation.ban(owner, streamId, { userId: 'eve', seconds: 60 });
  const { id: closed } = await chat.polls.create(owner, streamId, poll);
  await chat.polls.close(owner, streamId, closed);
  const { id: open } = await chat.polls.create(owner, streamId, poll);
  const counts = async () => {
    const [row] = await sql`
      select (select count(*)::int from livestream_chat) as messages, (select count(*)::int from chat_log) as log,
        (select count(*)::int from livestream_polls) as polls`;
    return row;
  };
  // Moves the rows' ids into the past: age is read from ids, and ids are made with the real clock.
  const older = (days: number): string => `0${(Date.now() - days * DAY_MS).toString(16)}`.slice(-12);
  for (const table of ['livestream_chat', 'chat_log', 'livestream_polls'])
    await sql`update ${sql(table)} set id = (
      ${older(31)} || substr(replace(id::text, '-', ''), 13))::uuid where id <> ${open}`;
  const before = await counts();
  t.same(before, { messages: 1, log: 4, polls: 2 });
  const { messageId: kept } = await chat.posting.post(visitor('ann'), streamId, { message: 'new' });
  await clock.advance(3_600_000);
  // Tables are swept one after another.
  await until('old rows are deleted', async () => {
    const { messages, log, polls } = (await counts()) ?? {};
    return messages < 2 && log === 0 && polls < 2;
  });
  t.same(await counts(), { messages: 1, log: 0, polls: 1 });
  t.same(await sql`select id from livestream_chat`, [{ id: kept }]);
  t.same(await sql`select id from livestream_polls`, [{ id: open }]);

  await clock.advance(31 * DAY_MS);
  await until('all messages are deleted', async () => {
    await clock.advance(3_600_000); // to the next sweep; the last one may still be running
    return (await counts())?.messages === 0;
  });
  const client = hub.client(account('bob'));
  await joinChat(chat, client, streamId);
  t.match(client.receivedData('chat:history'), [{ messages: [], more: false }], 'nothing is left in memory');
});
