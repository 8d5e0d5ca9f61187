import t from 'tap';
import { ANONYMOUS } from '../../../src/accounts/index.js';
import type { Chat } from '../../../src/chat/index.js';
import { account, joinChat, openChat, visitor } from '../../support/chat-stage.js';
import type { ClientDouble } from '../../support/realtime-double.js';

type Shown = { id: string; message: string };

/** Says something so many times, one after the other. */
async function say(chat: Chat, streamId: string, from: number, to: number): Promise<string[]> {
  const ids: string[] = [];
  for (let number = from; number <= to; number++)
    ids.push((await chat.posting.post(visitor('ann'), streamId, { message: `${number}` })).messageId);
  return ids;
}

function shownBy(client: ClientDouble): Shown[] {
  const messages = client.told.flatMap(({ event, data }) =>
    event === 'chat:history' ? (data.messages as Shown[]) : event === 'chat:message' ? [data as Shown] : [],
  );
  return messages;
}

const numbers = (messages: Shown[]): number[] => messages.map(({ message }) => Number(message));
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

t.test('who joins is told the last fifty messages and how the chat is set', async (t) => {
  const { chat, hub, livestream, reopen } = await openChat(t);
  const { id: streamId } = await livestream();
  await say(chat, streamId, 1, 60);
  for (const instance of [chat, await reopen()]) {
    const client = hub.client(account('bob'));
    const welcome = await joinChat(instance, client, streamId);
    t.match(welcome, { streamId, moderator: false, poll: null, more: false, settings: { slowMode: 0 } });
    t.same(numbers(shownBy(client)), range(11, 60));
  }
});

t.test('who comes back is told what they missed, however much, once and in order', async (t) => {
  const { chat, hub, livestream, reopen } = await openChat(t);
  const { id: streamId } = await livestream();
  const ids = await say(chat, streamId, 1, 420);
  for (const instance of [chat, await reopen()]) {
    const join = instance.feature.events['chat:join']!;
    for (const seen of [1, 150, 219, 220, 221, 320, 419, 420]) {
      const client = hub.client(account('bob'));
      let after = ids[seen - 1]!;
      for (let more = true; more; ) {
        const answer = await join(client, { streamId, after });
        after = shownBy(client).at(-1)?.id ?? after;
        more = answer?.data?.more === true;
      }
      t.same(numbers(shownBy(client)), range(seen + 1, 420), `after ${seen}`);
    }
  }
});

t.test('nothing is missed or told twice by those who come while people write', async (t) => {
  const { chat, hub, livestream, reopen } = await openChat(t);
  const { id: streamId } = await livestream();
  const [first] = await say(chat, streamId, 1, 300);
  const instance = await reopen(); // whose memory begins at 101
  const clients: ClientDouble[] = [];
  const writing = say(instance, streamId, 301, 500);
  for (let count = 0; count < 40; count++) {
    const client = hub.client(account('bob'));
    clients.push(client);
    for (let after = first!, more = true; more; after = shownBy(client).at(-1)?.id ?? after) {
      const answer = await instance.feature.events['chat:join']!(client, { streamId, after });
      more = answer?.data?.more === true;
    }
  }
  await writing;
  for (const client of clients) t.same(numbers(shownBy(client)), range(2, 500));
});

t.test('who joins the livestream alone is told the last fifty messages, and none twice', async (t) => {
  const { chat, hub, livestream, reopen } = await openChat(t);
  const { id: streamId } = await livestream();
  await say(chat, streamId, 1, 60);
  const instance = await reopen();
  const greeted = async (client: ClientDouble, id = streamId) => {
    const tell = await instance.replayOnJoin(client, id, () => client.enter(`stream:${streamId}`));
    tell?.();
    return tell;
  };
  const writing = say(instance, streamId, 61, 80);
  const clients = Array.from({ length: 20 }, () => hub.client(account('bob')));
  for (const client of clients) await greeted(client);
  await writing;
  for (const client of clients) {
    const shown = numbers(shownBy(client)).sort((a, b) => a - b);
    const [first = 0] = shown;
    t.ok(first <= 31, 'fifty, and what came then');
    t.same(shown, range(first, 80), 'each once');
  }
  const [client = hub.client(account('bob'))] = clients;
  const last = shownBy(client).at(-1)?.id;
  await instance.feature.events['chat:join']!(client, { streamId, after: last });
  t.match(client.heard('chat:history').at(-1), { messages: [], more: false });
  t.equal(await greeted(client), undefined, 'who listens already is not told again');
});

t.test('who may not read the chat, or cannot as the database is away, joins without it', async (t) => {
  const { chat, hub, livestream, sql } = await openChat(t);
  const { id: streamId } = await livestream({ visibility: 'private' });
  const { id: other } = await livestream();
  await say(chat, other, 1, 1);
  let entered = 0;
  const enter = (): void => {
    entered++;
  };
  t.equal(await chat.replayOnJoin(hub.client(ANONYMOUS), streamId, enter), undefined);
  t.equal(await chat.replayOnJoin(hub.client(ANONYMOUS), 'nonsense', enter), undefined);
  t.equal(typeof (await chat.replayOnJoin(hub.client(ANONYMOUS), other, enter)), 'function');
  t.equal(typeof (await chat.replayOnJoin(hub.client(account('owner')), streamId, enter)), 'function');
  const { id: unseen } = await livestream();
  await sql`alter table livestream_chat rename to elsewhere`;
  t.equal(await chat.replayOnJoin(hub.client(ANONYMOUS), unseen, enter), undefined);
  t.equal(entered, 5, 'each once');
});

t.test('who comes back is told what was deleted meanwhile', async (t) => {
  const { chat, hub, livestream } = await openChat(t);
  const { id: streamId } = await livestream();
  const ids = await say(chat, streamId, 1, 5);
  await chat.moderation.deleteMessage(visitor('owner'), streamId, ids[1]!);
  const client = hub.client(account('bob'));
  await chat.feature.events['chat:join']!(client, { streamId, after: ids[2]! });
  t.same(numbers(shownBy(client)), [4, 5]);
  t.match(client.heard('chat:deleted'), [{ streamId, ids: [ids[1]] }]);
});

t.test('what was deleted is in no page and in no replay', async (t) => {
  const { chat, hub, livestream, reopen } = await openChat(t);
  const { id: streamId } = await livestream();
  const ids = await say(chat, streamId, 1, 250);
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
    t.same(numbers(shownBy(client)), range(201, 249));
  }
});

t.test('over the socket: history by request, leaving, and what is no request', async (t) => {
  const { chat, hub, livestream } = await openChat(t);
  const { id: streamId } = await livestream();
  const ids = await say(chat, streamId, 1, 5);
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
