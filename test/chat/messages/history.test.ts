import t from 'tap';
import { ANONYMOUS } from '../../../src/accounts/index.js';
import type { Chat } from '../../../src/chat/index.js';
import type { FakeSocketClient } from '../../support/fakes/fake-socket-hub.js';
import { account, joinChat, startChatFixture, visitor } from '../../support/fixtures/chat-fixture.js';

type ListedMessage = { id: string; message: string };

/** Posts messages numbered `from` to `to`, one after another. */
async function postMany(chat: Chat, streamId: string, from: number, to: number): Promise<string[]> {
  const ids: string[] = [];
  for (let number = from; number <= to; number++)
    ids.push((await chat.posting.post(visitor('ann'), streamId, { message: `${number}` })).messageId);
  return ids;
}

function messagesOf(client: FakeSocketClient): ListedMessage[] {
  const messages = client.received.flatMap(({ event, data }) =>
    event === 'chat:history'
      ? (data.messages as ListedMessage[])
      : event === 'chat:message'
        ? [data as ListedMessage]
        : [],
  );
  return messages;
}

const numbers = (messages: ListedMessage[]): number[] => messages.map(({ message }) => Number(message));
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

t.test('a client that joins gets the last fifty messages and the settings', async (t) => {
  const { chat, hub, livestream, reopen } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  await postMany(chat, streamId, 1, 60);
  for (const instance of [chat, await reopen()]) {
    const client = hub.client(account('bob'));
    const joined = await joinChat(instance, client, streamId);
    t.match(joined, { streamId, moderator: false, poll: null, more: false, settings: { slowMode: 0 } });
    t.same(numbers(messagesOf(client)), range(11, 60));
  }
});

t.test('a client that joins with a cursor gets every missed message once and in order', async (t) => {
  const { chat, hub, livestream, reopen } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  const ids = await postMany(chat, streamId, 1, 420);
  for (const instance of [chat, await reopen()]) {
    const join = instance.feature.events['chat:join']!;
    for (const seen of [1, 150, 219, 220, 221, 320, 419, 420]) {
      const client = hub.client(account('bob'));
      let after = ids[seen - 1]!;
      for (let more = true; more; ) {
        const answer = await join(client, { streamId, after });
        after = messagesOf(client).at(-1)?.id ?? after;
        more = answer?.data?.more === true;
      }
      t.same(numbers(messagesOf(client)), range(seen + 1, 420), `after ${seen}`);
    }
  }
});

t.test('clients that join while others post miss no message and get none twice', async (t) => {
  const { chat, hub, livestream, reopen } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  const [first] = await postMany(chat, streamId, 1, 300);
  const instance = await reopen(); // The recent messages begin at message 101.
  const clients: FakeSocketClient[] = [];
  const writing = postMany(instance, streamId, 301, 500);
  for (let count = 0; count < 40; count++) {
    const client = hub.client(account('bob'));
    clients.push(client);
    for (let after = first!, more = true; more; after = messagesOf(client).at(-1)?.id ?? after) {
      const answer = await instance.feature.events['chat:join']!(client, { streamId, after });
      more = answer?.data?.more === true;
    }
  }
  await writing;
  for (const client of clients) t.same(numbers(messagesOf(client)), range(2, 500));
});

t.test('a client that joins only the livestream gets the last fifty messages, none twice', async (t) => {
  const { chat, hub, livestream, reopen } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  await postMany(chat, streamId, 1, 60);
  const instance = await reopen();
  const joinedMessages = async (client: FakeSocketClient, id = streamId) => {
    const replay = await instance.replayOnJoin(client, id, () => client.enter(`stream:${streamId}`));
    replay?.();
    return replay;
  };
  const writing = postMany(instance, streamId, 61, 80);
  const clients = Array.from({ length: 20 }, () => hub.client(account('bob')));
  for (const client of clients) await joinedMessages(client);
  await writing;
  for (const client of clients) {
    const shown = numbers(messagesOf(client)).sort((a, b) => a - b);
    const [first = 0] = shown;
    t.ok(first <= 31, 'fifty, and those posted meanwhile');
    t.same(shown, range(first, 80), 'each exactly once');
  }
  const [client = hub.client(account('bob'))] = clients;
  const last = messagesOf(client).at(-1)?.id;
  await instance.feature.events['chat:join']!(client, { streamId, after: last });
  t.match(client.receivedData('chat:history').at(-1), { messages: [], more: false });
  t.equal(await joinedMessages(client), undefined, 'a client of the chat gets no second replay');
});

t.test(
  'a client that may not read the chat, or during a database failure, joins without history',
  async (t) => {
    const { chat, hub, livestream, sql } = await startChatFixture(t);
    const { id: streamId } = await livestream({ visibility: 'private' });
    const { id: other } = await livestream();
    await postMany(chat, other, 1, 1);
    let entered = 0;
    const enter = (): void => {
      entered++;
    };
    t.equal(await chat.replayOnJoin(hub.client(ANONYMOUS), streamId, enter), undefined);
    t.equal(await chat.replayOnJoin(hub.client(ANONYMOUS), 'nonsense', enter), undefined);
    t.equal(typeof (await chat.replayOnJoin(hub.client(ANONYMOUS), other, enter)), 'function');
    t.equal(typeof (await chat.replayOnJoin(hub.client(account('owner')), streamId, enter)), 'function');
    const { id: otherStreamId } = await livestream();
    await sql`alter table livestream_chat rename to elsewhere`;
    t.equal(await chat.replayOnJoin(hub.client(ANONYMOUS), otherStreamId, enter), undefined);
    t.equal(entered, 5, 'each exactly once');
  },
);

t.test('a client that joins with a cursor gets the deletions since then', async (t) => {
  const { chat, hub, livestream } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  const ids = await postMany(chat, streamId, 1, 5);
  await chat.moderation.deleteMessage(visitor('owner'), streamId, ids[1]!);
  const client = hub.client(account('bob'));
  await chat.feature.events['chat:join']!(client, { streamId, after: ids[2]! });
  t.same(numbers(messagesOf(client)), [4, 5]);
  t.match(client.receivedData('chat:deleted'), [{ streamId, ids: [ids[1]] }]);
});

t.test('deleted messages are in no page and no replay', async (t) => {
  const { chat, hub, livestream, reopen } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  const ids = await postMany(chat, streamId, 1, 250);
  for (const id of [ids[0]!, ids[100]!, ids[249]!])
    await chat.moderation.deleteMessage(visitor('owner'), streamId, id);
  const left = range(1, 250).filter((number) => ![1, 101, 250].includes(number));
  for (const instance of [chat, await reopen()]) {
    t.same(numbers(await instance.history.page(visitor('bob'), streamId, { limit: 100 })), left.slice(-100));
    t.same(
      numbers(await instance.history.page(visitor('bob'), streamId, { limit: 100, offset: 147 })),
      left.slice(0, 100),
    );
    const client = hub.client(account('bob'));
    await instance.feature.events['chat:join']!(client, { streamId, after: ids[199]! });
    t.same(numbers(messagesOf(client)), range(201, 249));
  }
});

t.test('chat:history, chat:leave and invalid event data over the socket', async (t) => {
  const { chat, hub, livestream } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  const ids = await postMany(chat, streamId, 1, 5);
  const client = hub.client(account('bob'));
  const { events } = chat.feature;
  const history = async (data: object) =>
    (await events['chat:history']!(client, { streamId, ...data }))?.data;
  t.match(await history({ limit: 2 }), { messages: [{ message: '4' }, { message: '5' }], more: true });
  t.match(await history({ limit: 2, before: ids[1] }), { messages: [{ message: '1' }], more: false });
  t.match(await history({ after: ids[3] }), { messages: [{ message: '5' }], more: false });
  for (const data of [{ limit: 'x' }, { before: 7 }, { before: 'x' }, { streamId: '' }, { streamId: null }])
    await t.rejects(history(data), { code: /^(message_invalid|validation_failed)$/ });
  await t.rejects(Promise.resolve(events['chat:send']!(client, { streamId })), { code: 'message_invalid' });
  const sent = await events['chat:send']!(client, { streamId, message: 'Hi', clientId: 'c1' });
  t.match(sent, { data: { messageId: String } });
  await events['chat:join']!(client, { streamId });
  t.equal(hub.size(`stream:${streamId}`), 1);
  await events['chat:leave']!(client, { streamId });
  t.equal(hub.size(`stream:${streamId}`), 0);
});
