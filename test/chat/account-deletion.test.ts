import t from 'tap';
import { account, joinChat, startChatFixture, visitor } from '../support/fixtures/chat-fixture.js';

const PSEUDONYM = 'deleted:0190a0a0-0000-7000-8000-000000000001';

t.test('messages of a deleted account stay under a pseudonym, in memory and in the database', async (t) => {
  const { chat, hub, livestream, reopen, sql } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  const owner = visitor('owner');
  await chat.moderation.appoint(owner, streamId, 'ann');
  await chat.posting.post(visitor('ann'), streamId, { message: 'Hello', clientId: 'a' });
  await chat.posting.post(visitor('bob'), streamId, { message: 'Hello Ann', clientId: 'a' });
  await chat.moderation.ban(visitor('ann'), streamId, { userId: 'eve', seconds: 60 });
  const { id: pollId } = await chat.polls.create(visitor('ann'), streamId, {
    question: 'Well?',
    options: ['yes', 'no'],
  });
  await chat.polls.vote(visitor('ann'), streamId, pollId, 0);
  await chat.forgetUser({ userId: 'ann', pseudonym: PSEUDONYM, purge: false });

  for (const instance of [chat, await reopen()]) {
    const client = hub.client(account('zoe'));
    await joinChat(instance, client, streamId);
    const [{ messages } = { messages: [] }] = client.receivedData('chat:history') as { messages: object[] }[];
    t.match(messages, [
      { userId: PSEUDONYM, name: 'Deleted account', message: 'Hello', badge: undefined },
      { userId: 'bob', message: 'Hello Ann' },
    ]);
    await t.rejects(instance.moderation.log(visitor('ann'), streamId, { limit: 5 }), { code: 'not_allowed' });
    const log = await instance.moderation.log(owner, streamId, { limit: 5 });
    t.same([...new Set(log.map(({ moderatorId }) => moderatorId))], [PSEUDONYM, 'owner']);
  }
  const names = [
    'livestream_chat',
    'chat_bans',
    'chat_moderators',
    'livestream_polls',
    'livestream_poll_votes',
  ];
  for (const name of names)
    t.notMatch(JSON.stringify(await sql`select * from ${sql(name)}`), /"(ann|ANN)"/, name);
  t.match(await sql`select address_hash from livestream_chat where user_id = ${PSEUDONYM}`, [
    { address_hash: null },
  ]);
});

t.test('a deletion with purge deletes every message, also thousands', async (t) => {
  const { chat, hub, livestream, sql } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  const { id: other } = await livestream();
  const client = hub.client(account('zoe'));
  await joinChat(chat, client, streamId);
  await chat.posting.post(visitor('ann'), streamId, { message: 'Hello' });
  await chat.posting.post(visitor('bob'), streamId, { message: 'Hello Ann' });
  await sql`
    insert into livestream_chat (id, stream_id, user_id, message)
    select gen_random_uuid(), ${other}, 'ann', 'again' from generate_series(1, 2500)`;
  await chat.forgetUser({ userId: 'ann', pseudonym: PSEUDONYM, purge: true });
  t.same(await sql`select user_id from livestream_chat`, [{ user_id: 'bob' }]);
  t.match(client.receivedData('chat:deleted'), [{ streamId, userId: 'ann' }]);
  t.match(await chat.history.page(visitor('bob'), streamId, { limit: 10 }), [{ message: 'Hello Ann' }]);
});

t.test('a ban of an address stays in force after the banned account is deleted', async (t) => {
  const { chat, livestream, reopen } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  const eve = visitor('eve');
  await chat.posting.post(eve, streamId, { message: 'Boo' });
  await chat.moderation.ban(visitor('owner'), streamId, { userId: 'eve' });
  await chat.forgetUser({ userId: 'eve', pseudonym: PSEUDONYM, purge: true });
  const again = { ...visitor('evelyn'), address: eve.address };
  for (const instance of [chat, await reopen()])
    await t.rejects(instance.posting.post(again, streamId, { message: 'Boo' }), { code: 'banned' });
});
