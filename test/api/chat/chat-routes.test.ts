import type { InjectOptions } from 'fastify';
import t, { type Test } from 'tap';
import { ANONYMOUS, type Role } from '../../../src/accounts/index.js';
import { chatRoutes, createGuards, createServer } from '../../../src/api/index.js';
import { newId } from '../../../src/platform/index.js';
import { account, startChatFixture } from '../../support/fixtures/chat-fixture.js';
import { recordLog } from '../../support/fixtures/log-record.js';

/** Opens the chat routes. The authorization header `NAME ROLE` or `operator` sets the principal. */
async function openApi(t: Test) {
  const fixture = await startChatFixture(t);
  const app = createServer({
    log: recordLog().log,
    clock: fixture.clock,
    trustProxy: false,
    version: '1.2.3',
  });
  const guards = createGuards({
    authenticate: async ({ authorization }) => {
      if (authorization === undefined) return ANONYMOUS;
      if (authorization === 'operator') return { kind: 'operator' };
      const [name = '', role = 'viewer'] = authorization.split(' ');
      return account(name, role as Role);
    },
  });
  app.register(async (scope) => scope.register(chatRoutes, { chat: fixture.chat, guards }), {
    prefix: '/api/livestream',
  });
  t.teardown(() => app.close());
  const { id: streamId } = await fixture.livestream();
  const request = async (
    client: string | undefined,
    method: NonNullable<InjectOptions['method']>,
    path: string,
    payload?: object,
    stream = streamId,
  ) => {
    const answer = await app.inject({
      method,
      url: `/api/livestream/${stream}/chat${path}`,
      ...(payload ? { payload } : {}),
      headers: client === undefined ? {} : { authorization: client },
    });
    return { status: answer.statusCode, body: answer.json(), headers: answer.headers };
  };
  return { ...fixture, app, streamId, request };
}

t.test('a message is posted and read in the documented format', async (t) => {
  const { request, sql } = await openApi(t);
  const posted = await request('ann', 'POST', '', { message: 'Hello <b>everybody</b>' });
  t.equal(posted.status, 201);
  t.same(posted.body, { success: true, messageId: posted.body.messageId });
  t.match(await sql`select message from livestream_chat where id = ${posted.body.messageId}`, [
    { message: 'Hello <b>everybody</b>' },
  ]);
  const { status, body } = await request(undefined, 'GET', '?limit=100&offset=0');
  t.equal(status, 200);
  t.same(Object.keys(body), ['messages']);
  t.match(body.messages, [
    { id: posted.body.messageId, userId: 'ann', name: 'ANN', message: 'Hello <b>everybody</b>' },
  ]);
});

t.test('pages are counted from the newest message, and pages by cursor are stable', async (t) => {
  const { request } = await openApi(t);
  const post = (message: string) => request('ann', 'POST', '', { message });
  for (let number = 1; number <= 9; number++) await post(`${number}`);
  const page = async (query: string): Promise<{ id: string; message: string }[]> =>
    (await request(undefined, 'GET', query)).body.messages;
  const shown = (messages: { message: string }[]) => messages.map(({ message }) => message).join('');
  t.equal(shown(await page('')), '123456789');
  t.equal(shown(await page('?limit=3')), '789');
  t.equal(shown(await page('?limit=3&offset=3')), '456');
  t.equal(shown(await page('?offset=100')), '');
  const newest = await page('?limit=3');
  await post('x');
  const older = await page(`?limit=3&before=${newest[0]?.id}`);
  t.equal(shown(older), '456');
  t.equal(shown(await page(`?limit=3&offset=3&before=${newest[0]?.id}`)), '123');
  t.equal(shown(await page(`?limit=3&after=${older[2]?.id}`)), '789');
  t.equal(shown(await page(`?after=${newest[2]?.id}`)), 'x');
});

t.test('invalid requests get their error codes', async (t) => {
  const { request, streamId } = await openApi(t);
  const assertError = async (
    status: number,
    code: string,
    response: Promise<{ status: number; body: object }>,
  ) => {
    const { status: actual, body } = await response;
    t.match({ status: actual, body }, { status, body: { error: { code, message: String } } });
  };
  await assertError(400, 'validation_failed', request('ann', 'POST', '', {}));
  await assertError(400, 'validation_failed', request('ann', 'POST', '', { message: 7 }));
  await assertError(400, 'message_too_long', request('ann', 'POST', '', { message: 'x'.repeat(501) }));
  await assertError(400, 'validation_failed', request('ann', 'POST', '', { message: 'x', nonsense: true }));
  await assertError(401, 'not_signed_in', request(undefined, 'POST', '', { message: 'x' }));
  await assertError(403, 'not_allowed', request('ann', 'POST', '', { message: 'x', userId: 'bob' }));
  await assertError(404, 'stream_not_found', request('ann', 'POST', '', { message: 'x' }, newId()));
  await assertError(400, 'validation_failed', request('ann', 'POST', '', { message: 'x' }, 'nonsense'));
  const far = await request(undefined, 'GET', '?offset=10001');
  t.equal(far.status, 400);
  t.match(far.body, {
    error: { code: 'validation_failed', message: /offset must be at most 10000: page on with before/ },
  });
  for (const query of ['limit=0', 'limit=101', 'offset=-1', 'limit=x', 'before=x', 'nonsense=1'])
    await assertError(400, 'validation_failed', request('ann', 'GET', `?${query}`));
  await assertError(400, 'validation_failed', request('ann', 'GET', `?before=${newId()}&after=${newId()}`));
  await assertError(404, 'stream_not_found', request('ann', 'GET', '', undefined, newId()));
  await assertError(404, 'message_not_found', request('owner', 'DELETE', `/${newId()}`));
  await assertError(413, 'body_too_large', request('ann', 'POST', '', { message: 'x'.repeat(200_000) }));
  for (const id of [`urn:uuid:${streamId}`, streamId.toUpperCase()]) {
    const { status } = await request('ann', 'GET', '', undefined, id);
    t.ok(status === 200 || status === 404, `${id}: ${status}`);
  }
});

t.test('each role may use its moderation routes and no others', async (t) => {
  const { request, streamId, livestream } = await openApi(t);
  await request('owner', 'PUT', '/moderators/mod');
  const { body } = await request('ann', 'POST', '', { message: 'Hello' });
  const { id: privateStreamId } = await livestream({ visibility: 'private' });
  const poll = { question: 'Which?', options: ['This', 'That'] };
  type Case = [NonNullable<InjectOptions['method']>, string, object | undefined, string];
  const cases: Case[] = [
    // Letters of who may: anonymous, viewers, moderators, broadcaster, admins, operator.
    ['GET', '', undefined, 'avmbxo'],
    ['POST', '', { message: 'x' }, 'vmbxo'],
    ['GET', '/settings', undefined, 'avmbxo'],
    ['PATCH', '/settings', { slowMode: 0 }, 'mbxo'],
    ['GET', '/bans', undefined, 'mbxo'],
    ['POST', '/bans', { userId: 'zoe', seconds: 5 }, 'mbxo'],
    ['POST', '/purge', { userId: 'zoe' }, 'mbxo'],
    ['GET', '/moderators', undefined, 'avmbxo'],
    ['PUT', '/moderators/zed', undefined, 'bxo'],
    ['GET', '/log', undefined, 'mbxo'],
    ['GET', '/polls', undefined, 'avmbxo'],
    ['POST', '/polls', poll, 'mbxo'],
  ];
  const clients = { a: undefined, v: 'eve', m: 'mod', b: 'owner', x: 'root admin', o: 'operator' };
  for (const [method, path, payload, allowed] of cases) {
    for (const [letter, client] of Object.entries(clients)) {
      const { status, body: answer } = await request(client, method, path, payload);
      const expected = allowed.includes(letter) ? [200, 201, 409] : [letter === 'a' ? 401 : 403];
      t.ok(
        expected.includes(status),
        `${client ?? 'anonymous'}: ${method} ${path}: ${status} ${JSON.stringify(answer)}`,
      );
      if (['b', 'x', 'o'].includes(letter)) continue;
      const { status: other } = await request(client, method, path, payload, privateStreamId);
      t.ok(
        other === 404 || (letter === 'a' && other === 401),
        `${client ?? 'anonymous'}: private ${path}: ${other}`,
      );
    }
  }
  t.equal((await request('eve', 'DELETE', `/${body.messageId}`)).status, 403);
  t.equal((await request('ann', 'DELETE', `/${body.messageId}`)).status, 200, "the author's own message");
  const { polls } = (await request('ann', 'GET', '/polls')).body;
  t.equal((await request(undefined, 'POST', `/polls/${polls[0].id}/votes`, { option: 1 })).status, 401);
  t.equal((await request('ann', 'POST', `/polls/${polls[0].id}/votes`, { option: 1 })).status, 201);
  t.equal((await request('ann', 'POST', `/polls/${polls[0].id}/close`)).status, 403);
  const closed = await request('mod', 'POST', `/polls/${polls[0].id}/close`);
  t.match(closed, { status: 200, body: { poll: { votes: 1, options: [{ votes: 0 }, { votes: 1 }] } } });
  t.match(await request('mod', 'GET', '/bans'), { body: { bans: [{ userId: 'zoe', address: false }] } });
  t.equal((await request('mod', 'DELETE', '/bans/zoe')).status, 200);
  t.match(await request('mod', 'DELETE', '/bans/zoe'), {
    status: 404,
    body: { error: { code: 'ban_not_found' } },
  });
  t.equal((await request('mod', 'DELETE', '/moderators/mod')).status, 200, 'resigns');
  t.equal((await request('mod', 'GET', '/log')).status, 403);
  const { entries } = (await request('owner', 'GET', '/log?limit=2')).body;
  t.match(entries, [
    { action: 'moderator-dismissed', moderatorId: 'mod', userId: 'mod' },
    { action: 'unbanned', userId: 'zoe' },
  ]);
  t.match((await request('owner', 'GET', `/log?limit=1&before=${entries[0].id}`)).body.entries, [
    { id: entries[1].id },
  ]);
  t.ok(streamId);
});

t.test('refusals of banned and too fast authors contain the end of the block', async (t) => {
  const { request } = await openApi(t);
  await request('owner', 'POST', '/bans', { userId: 'ann', seconds: 600, reason: 'Spoilers' });
  const refused = await request('ann', 'POST', '', { message: 'x' });
  t.match(refused, { status: 403, body: { error: { code: 'banned', details: { reason: 'Spoilers' } } } });
  t.match(refused.body.error.message, /until \d{4}-.*: Spoilers/);
  await request('owner', 'PATCH', '/settings', { slowMode: 30, blockedTerms: ['secret'] });
  t.equal((await request('bob', 'POST', '', { message: 'x' })).status, 201);
  const slow = await request('bob', 'POST', '', { message: 'y' });
  t.match(slow, { status: 429, body: { error: { code: 'slow_mode' } }, headers: { 'retry-after': '30' } });
  t.notOk('blockedTerms' in (await request('bob', 'GET', '/settings')).body.settings);
  t.match((await request('owner', 'GET', '/settings')).body.settings, {
    slowMode: 30,
    blockedTerms: ['secret'],
  });
});
