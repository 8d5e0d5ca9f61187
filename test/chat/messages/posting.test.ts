import t from 'tap';
import { isDatabaseAway } from '../../../src/platform/index.js';
import {
  account,
  anonymousVisitor,
  joinChat,
  OPERATOR,
  startChatFixture,
  visitor,
} from '../../support/fixtures/chat-fixture.js';

const ids = (messages: { id: string }[]): string[] => messages.map(({ id }) => id);
const texts = (messages: { message: string }[]): string[] => messages.map(({ message }) => message);

t.test('a message is broadcast at once and acknowledged when it is stored', async (t) => {
  const { chat, hub, sql, livestream, clock } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  const listener = hub.client(account('listener'));
  await joinChat(chat, listener, streamId);
  const posted = chat.posting.post(visitor('ann'), streamId, {
    message: 'Hello',
    clientId: 'a1',
    mediaTime: clock.now() - 3_000,
  });
  while (listener.receivedData('chat:message').length === 0) await new Promise(setImmediate);
  const [received] = listener.receivedData('chat:message');
  const { messageId } = await posted;
  t.match(received, {
    id: messageId,
    streamId,
    userId: 'ann',
    name: 'ANN',
    message: 'Hello',
    clientId: 'a1',
    createdAt: new Date(clock.now()).toISOString(),
    mediaTime: new Date(clock.now() - 3_000).toISOString(),
  });
  t.notOk('addressHash' in (received ?? {}), 'the address hash is not sent to clients');
  const [row] = await sql`select user_id, user_name, message, address_hash from livestream_chat`;
  t.match(row, { user_id: 'ann', user_name: 'ANN', message: 'Hello', address_hash: /^[0-9a-f]{32}$/ });
});

t.test(
  'messages of fifty concurrent authors are broadcast in the order in which they are stored',
  async (t) => {
    const { chat, hub, livestream } = await startChatFixture(t);
    const { id: streamId } = await livestream();
    const listener = hub.client(account('listener'));
    await joinChat(chat, listener, streamId);
    const writers = Array.from({ length: 50 }, async (_, writer) => {
      for (let count = 0; count < 10; count++)
        await chat.posting.post(visitor(`writer${writer}`), streamId, { message: `${writer}:${count}` });
    });
    await Promise.all(writers);
    const received = listener.receivedData('chat:message') as { id: string; message: string }[];
    t.equal(received.length, 500);
    t.same(ids(received), ids(received).toSorted(), 'ids are in the order of arrival');
    const stored: { id: string; message: string }[] = [];
    for (let after = '00000000-0000-0000-0000-000000000000'; ; after = stored.at(-1)!.id) {
      const page = await chat.history.page(visitor('ann'), streamId, { limit: 100, after });
      if (page.length === 0) break;
      stored.push(...page);
    }
    t.same(texts(stored), texts(received));
    for (let writer = 0; writer < 50; writer++) {
      const own = texts(stored).filter((text) => text.startsWith(`${writer}:`));
      t.same(own, own.toSorted(), `writer ${writer}'s own order`);
    }
  },
);

t.test('a message sent again under its client id is stored and broadcast once', async (t) => {
  const { chat, hub, sql, livestream, reopen } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  const again = { message: 'Hello', clientId: 'the-same' };
  const [first, second] = await Promise.all([
    chat.posting.post(visitor('ann'), streamId, again),
    chat.posting.post(visitor('ann'), streamId, again),
  ]);
  t.equal(first?.messageId, second?.messageId);
  const other = await chat.posting.post(visitor('bob'), streamId, again);
  t.not(other.messageId, first?.messageId, 'client ids of different authors are independent');
  const restarted = await reopen();
  t.equal((await restarted.posting.post(visitor('ann'), streamId, again)).messageId, first?.messageId);
  t.equal(hub.broadcasts.filter(({ event }) => event === 'chat:message').length, 2);
  t.match(await sql`select count(*)::integer as count from livestream_chat`, [{ count: 2 }]);
});

t.test('a repeat older than the remembered client ids is retracted from the room', async (t) => {
  const { chat, hub, sql, livestream, reopen } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  const again = { message: 'Hello', clientId: 'the-same' };
  const { messageId } = await chat.posting.post(visitor('ann'), streamId, again);
  await Promise.all(
    Array.from({ length: 250 }, (_, count) =>
      chat.posting.post(visitor('bob'), streamId, { message: `${count}` }),
    ),
  );
  const restarted = await reopen();
  hub.broadcasts.length = 0;
  t.equal((await restarted.posting.post(visitor('ann'), streamId, again)).messageId, messageId);
  t.match(hub.broadcasts, [
    { event: 'chat:message', data: { message: 'Hello' } },
    { event: 'chat:deleted', data: { streamId, ids: [String] } },
  ]);
  t.match(await sql`select count(*)::integer as count from livestream_chat where user_id = 'ann'`, [
    { count: 1 },
  ]);
});

t.test(
  'a message that is committed after its author got an error is shown once when it is sent again',
  async (t) => {
    const limits = { attemptTimeoutMs: 1_000, itemTimeoutMs: 1_000 };
    const { chat, hub, sql, clock, livestream } = await startChatFixture(t, limits);
    const [{ id: streamId }, { id: otherId }] = [await livestream(), await livestream()];
    await chat.posting.post(visitor('bob'), streamId, { message: 'Before' });
    await chat.posting.post(visitor('bob'), otherId, { message: 'Before' });
    const listener = hub.client(account('listener'));
    await joinChat(chat, listener, streamId);
    const again = { message: 'Hello', clientId: 'the-same' };
    const waiting = async (count: number): Promise<void> => {
      for (let found = -1; found < count; )
        [{ found }] = await sql<[{ found: number }]>`
          select count(*)::int as found from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock' and query like '%into livestream_chat%'`;
    };

    let resent: Promise<{ messageId: string }> | undefined;
    // The insertion waits for the row that its foreign key names.
    await sql.begin(async (holder) => {
      await holder`select 1 from livestreams where id = ${streamId} for update`;
      const first = chat.posting.post(visitor('ann'), streamId, again);
      const refused = t.rejects(first, { status: 503, code: 'temporarily_unavailable' });
      await waiting(1);
      await clock.advance(1_000);
      await refused;
      await chat.posting.post(visitor('bob'), otherId, { message: 'Meanwhile' });
      resent = chat.posting.post(visitor('ann'), streamId, again);
      await waiting(2);
    });
    const { messageId } = await resent!;
    const shown = new Set<string>();
    for (const { event, data } of listener.received) {
      if (event === 'chat:message') shown.add(String(data.id));
      if (event === 'chat:deleted') for (const id of data.ids as string[]) shown.delete(id);
    }
    t.strictSame([...shown], [messageId], 'to those who are present');
    const stored = await chat.history.page(visitor('ann'), streamId, {
      limit: 10,
      before: 'ffffffff-ffff-7fff-bfff-ffffffffffff',
    });
    t.strictSame(texts(stored), ['Before', 'Hello']);
    t.equal(stored[1]?.id, messageId);
  },
);

t.test('ids keep rising when the clock was set back between two runs', async (t) => {
  const { chat, sql, livestream, reopen } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  const { messageId } = await chat.posting.post(visitor('ann'), streamId, { message: 'Before' });
  const future = `ffffffff${messageId.slice(8)}`;
  await sql`update livestream_chat set id = ${future}`;
  const restarted = await reopen();
  const next = await restarted.posting.post(visitor('ann'), streamId, { message: 'After' });
  t.ok(next.messageId > future);
  t.same(texts(await restarted.history.page(visitor('ann'), streamId, { limit: 10 })), ['Before', 'After']);
});

t.test('an anonymous viewer gets 401 unless the chat allows anonymous posts', async (t) => {
  const { chat, livestream } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  const post = (address?: string) =>
    chat.posting.post(anonymousVisitor(address), streamId, { message: 'Hello' });
  await t.rejects(post(), { status: 401, code: 'not_signed_in' });
  await chat.settings.change(visitor('owner'), streamId, { anonymous: true });
  await post('203.0.113.9');
  await post('203.0.113.10');
  await post('203.0.113.9');
  const messages = await chat.history.page(anonymousVisitor(), streamId, { limit: 10 });
  for (const message of messages) t.match(message, { userId: /^guest:[0-9a-f]{16}$/, name: /^Guest \d{4}$/ });
  t.equal(messages[0]?.userId, messages[2]?.userId);
  t.not(messages[0]?.userId, messages[1]?.userId);
});

t.test('the chat of a private livestream is 404 for everyone who may not watch it', async (t) => {
  const { chat, hub, livestreams, livestream } = await startChatFixture(t);
  const { id: streamId } = await livestream({ visibility: 'private', invitees: ['invitee'] });
  const message = { message: 'Hello' };
  for (const unauthorised of [anonymousVisitor(), visitor('ann')]) {
    await t.rejects(chat.posting.post(unauthorised, streamId, message), {
      status: 404,
      code: 'stream_not_found',
    });
    await t.rejects(chat.history.page(unauthorised, streamId, { limit: 10 }), { code: 'stream_not_found' });
    await t.rejects(joinChat(chat, hub.client(unauthorised.principal), streamId), {
      code: 'stream_not_found',
    });
  }
  for (const authorised of [visitor('owner'), visitor('invitee'), visitor('root', 'admin'), OPERATOR])
    await chat.posting.post(authorised, streamId, message);
  const invitee = hub.client(account('invitee'));
  await joinChat(chat, invitee, streamId);
  t.ok(hub.members(`stream:${streamId}`).has(invitee));
  await livestreams.invitees.remove(streamId, 'invitee');
  while (hub.members(`stream:${streamId}`).has(invitee)) await new Promise(setImmediate);
  await t.rejects(chat.posting.post(visitor('invitee'), streamId, message), { code: 'stream_not_found' });
  await chat.posting.post(visitor('owner'), streamId, { message: 'Among us' });
  t.notMatch(invitee.receivedData('chat:message'), [{ message: 'Among us' }]);
  await t.rejects(chat.posting.post(OPERATOR, 'nonsense', message), { code: 'stream_not_found' });
});

t.test('a post above the rate limit gets 429 with retryAfter', async (t) => {
  const { chat, clock, livestream } = await startChatFixture(t, {
    account: { capacity: 2, refillMs: 3_000 },
    address: { capacity: 5, refillMs: 1_000 },
  });
  const { id: streamId } = await livestream();
  const post = (userId: string, address: string) =>
    chat.posting.post({ principal: account(userId), address }, streamId, { message: 'Hello' });
  await post('ann', '10.0.0.1');
  await post('ann', '10.0.0.1');
  const limited = { status: 429, code: 'rate_limited', details: { retryAfter: 3 } };
  await t.rejects(post('ann', '10.0.0.2'), limited, 'also from another address');
  await post('bob', '10.0.0.1');
  await post('bob', '10.0.0.1');
  await post('cat', '10.0.0.1');
  await t.rejects(
    post('dan', '10.0.0.1'),
    { code: 'rate_limited', details: { retryAfter: 1 } },
    'the limit of one address',
  );
  await post('dan', '10.0.0.2');
  await clock.advance(3_000);
  await post('ann', '10.0.0.2');
});

t.test('the operator posts as itself and on behalf of users', async (t) => {
  const { chat, livestream } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  await chat.posting.post(OPERATOR, streamId, { message: 'One' });
  await chat.posting.post(OPERATOR, streamId, { message: 'Two', as: { userId: 'u1', name: 'Una' } });
  await chat.posting.post(OPERATOR, streamId, { message: 'Three', as: { userId: 'owner' } });
  t.match(await chat.history.page(anonymousVisitor(), streamId, { limit: 10 }), [
    { userId: 'operator', badge: 'admin' },
    { userId: 'u1', name: 'Una', badge: undefined },
    { userId: 'owner', name: 'owner', badge: 'broadcaster' },
  ]);
  await chat.moderation.ban(OPERATOR, streamId, { userId: 'u1' });
  await t.rejects(chat.posting.post(OPERATOR, streamId, { message: 'x', as: { userId: 'u1' } }), {
    code: 'banned',
  });
});

t.test('invalid messages get their error codes', async (t) => {
  const { chat, sql, livestream } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  const post = (request: Parameters<typeof chat.posting.post>[2]) =>
    chat.posting.post(visitor('ann'), streamId, request);
  for (const message of ['', '   ', '\u200b\u200f\u2060', '\u3164\u2800'])
    await t.rejects(post({ message }), { status: 400, code: 'message_empty' });
  for (const message of ['a\0b', 'a\u0007b', '\ud800', 'x\u0301\u0302\u0303\u0304\u0305'])
    await t.rejects(post({ message }), { status: 400, code: 'message_invalid' });
  for (const length of [501, 3_000])
    await t.rejects(post({ message: 'x'.repeat(length) }), { status: 400, code: 'message_too_long' });
  await t.rejects(post({ message: 'x', clientId: 'with blanks' }), {
    status: 400,
    code: 'client_id_invalid',
  });
  await t.rejects(post({ message: 'x', mediaTime: 'yesterday' }), {
    status: 400,
    code: 'media_time_invalid',
  });
  await post({ message: '<script>alert(1)</script>' });
  await post({ message: `'); drop table livestreams; --` });
  await post({ message: '\u{1f600}'.repeat(500) });
  t.match(await sql`select message from livestream_chat order by id limit 2`, [
    { message: '<script>alert(1)</script>' },
    { message: `'); drop table livestreams; --` },
  ]);
});

t.test('a message whose livestream is deleted while it is queued is retracted', async (t) => {
  const { chat, hub, sql, livestream } = await startChatFixture(t);
  const [{ id: streamId }, { id: otherId }] = [await livestream(), await livestream()];
  await chat.posting.post(visitor('ann'), streamId, { message: 'One' });
  await chat.posting.post(visitor('ann'), otherId, { message: 'One' });
  await sql`delete from livestreams where id = ${streamId}`;
  hub.broadcasts.length = 0;
  const [lost, kept] = await Promise.allSettled([
    chat.posting.post(visitor('ann'), streamId, { message: 'Two' }),
    chat.posting.post(visitor('ann'), otherId, { message: 'Two' }),
  ]);
  t.match(lost, { status: 'rejected', reason: { status: 404, code: 'stream_not_found' } });
  t.match(kept, { status: 'fulfilled' });
  t.match(
    hub.broadcasts.filter(({ event }) => event === 'chat:deleted'),
    [{ room: `stream:${streamId}` }],
  );
});

t.test('database connections that break under load lose no message and store none twice', async (t) => {
  // The fake clock advances faster than the database answers: timeouts must not expire.
  const limits = { attemptTimeoutMs: 1e9, itemTimeoutMs: 1e9 };
  const { chat, clock, sql, livestream } = await startChatFixture(t, limits);
  const { id: streamId } = await livestream();
  await chat.posting.post(visitor('ann'), streamId, { message: 'first' });
  const posting = Array.from({ length: 300 }, (_, count) =>
    chat.posting.post(visitor(`writer${count % 30}`), streamId, { message: `${count}` }),
  );
  let settled = false;
  const outcomes = Promise.all(posting).finally(() => (settled = true));
  let breaks = 0;
  while (!settled) {
    const broken =
      breaks++ < 5 &&
      sql`
      select count(pg_terminate_backend(pid)) from pg_stat_activity
      where datname = current_database() and query like '%insert into livestream_chat%'`.catch(() => {});
    await broken;
    await clock.advance(100);
  }
  const posted = (await outcomes).map(({ messageId }) => messageId);
  const stored = async () =>
    await sql<{ id: string }[]>`select id from livestream_chat where message <> 'first' order by id`;
  t.same(ids(await retry(stored)), posted.toSorted());
});

/** Retries: postgres 3.4 reports the error of a broken connection again to the next query on its successor. */
async function retry<T>(ask: () => Promise<T>): Promise<T> {
  for (let connections = 10; ; connections--)
    try {
      return await ask();
    } catch (error) {
      if (!isDatabaseAway(error) || connections === 0) throw error;
    }
}
