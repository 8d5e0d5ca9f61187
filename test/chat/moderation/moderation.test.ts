import t from 'tap';
import {
  account,
  anonymousVisitor,
  joinChat,
  OPERATOR,
  startChatFixture,
  visitor,
} from '../../support/fixtures/chat-fixture.js';

const texts = (messages: { message: string }[]): string[] => messages.map(({ message }) => message);

t.test('moderation is allowed by the roles of actor and target', async (t) => {
  const { chat, admins, livestream } = await startChatFixture(t);
  admins.add('root').add('other-admin');
  const { id: streamId } = await livestream();
  const actors = {
    viewer: visitor('eve'),
    moderator: visitor('mod'),
    broadcaster: visitor('owner'),
    admin: visitor('root', 'admin'),
    operator: OPERATOR,
  };
  for (const userId of ['mod', 'other-mod'])
    await chat.moderation.appoint(actors.broadcaster, streamId, userId);
  const targets = { viewer: 'zoe', moderator: 'other-mod', broadcaster: 'owner', admin: 'other-admin' };
  const allowedTargets: Record<string, string[]> = {
    viewer: [],
    moderator: ['viewer'],
    broadcaster: ['viewer', 'moderator'],
    admin: ['viewer', 'moderator'],
    operator: ['viewer', 'moderator'],
  };
  for (const [actor, by] of Object.entries(actors))
    for (const [target, userId] of Object.entries(targets)) {
      const role = target === 'admin' ? 'admin' : 'viewer';
      const { messageId } = await chat.posting.post(visitor(userId, role), streamId, { message: 'x' });
      const actions: Record<string, () => Promise<unknown>> = {
        delete: () => chat.moderation.deleteMessage(by, streamId, messageId),
        purge: () => chat.moderation.purge(by, streamId, userId),
        timeout: () => chat.moderation.ban(by, streamId, { userId, seconds: 1 }),
        ban: () => chat.moderation.ban(by, streamId, { userId }),
      };
      for (const [name, action] of Object.entries(actions)) {
        if (actor === 'broadcaster' && target === 'broadcaster' && name === 'delete') continue; // authors may delete their own messages
        const allowed = allowedTargets[actor]?.includes(target);
        const title = `${actor} ${allowed ? 'may' : 'may not'} ${name} ${target}`;
        if (allowed) await t.resolves(action(), title);
        else await t.rejects(action(), { code: 'not_allowed' }, title);
      }
      if (allowedTargets[actor]?.includes(target)) await chat.moderation.unban(by, streamId, userId);
    }
  for (const by of [actors.viewer, actors.moderator])
    await t.rejects(chat.moderation.appoint(by, streamId, 'zoe'), { code: 'not_allowed' });
  await t.rejects(chat.moderation.dismiss(actors.moderator, streamId, 'other-mod'), { code: 'not_allowed' });
  await t.rejects(chat.moderation.appoint(actors.admin, streamId, 'owner'), { code: 'moderates_already' });
  const forbidden: Promise<unknown>[] = [
    chat.moderation.bans(anonymousVisitor(), streamId),
    chat.moderation.log(anonymousVisitor(), streamId, { limit: 1 }),
    chat.moderation.purge(anonymousVisitor(), streamId, 'zoe'),
    chat.settings.change(anonymousVisitor(), streamId, { slowMode: 1 }),
  ];
  for (const action of forbidden) await t.rejects(action, { code: 'not_signed_in' });
});

t.test('an admin of the host platform cannot be moderated after they posted', async (t) => {
  const { chat, livestream } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  await chat.posting.post(visitor('boss', 'admin'), streamId, { message: 'x' });
  await t.rejects(chat.moderation.ban(visitor('owner'), streamId, { userId: 'boss' }), {
    code: 'not_allowed',
  });
});

t.test('a permanent ban covers the address until it is lifted, also after a restart', async (t) => {
  const { chat, hub, livestream, reopen } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  const homeAddress = '2001:db8:1:2::1';
  const at = (userId: string, address: string) => ({ principal: account(userId), address });
  const listener = hub.client(account('eve'));
  await joinChat(chat, listener, streamId);
  await chat.posting.post(at('eve', homeAddress), streamId, { message: 'Nasty' });
  await chat.posting.post(at('bob', '10.0.0.1'), streamId, { message: 'Nice' });
  const restarted = await reopen(); // reads the address hash from the database
  await restarted.moderation.ban(visitor('owner'), streamId, { userId: 'eve', reason: 'Nasty', purge: true });
  for (const instance of [restarted, await reopen()]) {
    const post = (userId: string, address: string) =>
      instance.posting.post(at(userId, address), streamId, { message: 'x' });
    await t.rejects(post('eve', '10.0.0.9'), {
      status: 403,
      code: 'banned',
      message: /for good: Nasty/,
      details: { until: null, reason: 'Nasty' },
    });
    await t.rejects(
      post('eve2', '2001:db8:1:2::ffff'),
      { code: 'banned' },
      'another address of the same /64',
    );
    await post('bob', '10.0.0.1');
    await post('owner', homeAddress);
  }
  t.notOk(
    texts(await restarted.history.page(visitor('bob'), streamId, { limit: 9 })).includes('Nasty'),
    'purged messages are not listed',
  );
  t.match(await restarted.moderation.bans(visitor('owner'), streamId), [{ addressHash: /^[0-9a-f]{32}$/ }]);
  await restarted.moderation.unban(visitor('owner'), streamId, 'eve');
  await restarted.posting.post(at('eve', homeAddress), streamId, { message: 'Sorry' });
  await t.rejects(restarted.moderation.unban(visitor('owner'), streamId, 'eve'), { code: 'ban_not_found' });
});

t.test('a timeout blocks an account for its duration, and its connections get chat:banned', async (t) => {
  const { chat, hub, clock, livestream } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  const eve = hub.client(account('eve'));
  await joinChat(chat, eve, streamId);
  await chat.moderation.ban(visitor('owner'), streamId, { userId: 'eve', seconds: 60, reason: 'Calm down' });
  const until = new Date(clock.now() + 60_000).toISOString();
  t.match(eve.receivedData('chat:banned'), [{ streamId, reason: 'Calm down', until }]);
  await t.rejects(chat.posting.post(visitor('eve'), streamId, { message: 'x' }), {
    code: 'banned',
    details: { until },
  });
  await t.rejects(Promise.resolve(chat.feature.events['chat:react']!(eve, { streamId, reaction: ':)' })), {
    code: 'reaction_invalid',
  });
  await t.rejects(
    Promise.resolve(chat.feature.events['chat:react']!(eve, { streamId, reaction: '\u{1f600}' })),
    { code: 'banned' },
  );
  await clock.advance(60_000);
  await chat.posting.post(visitor('eve'), streamId, { message: 'x' });
  t.same(await chat.moderation.bans(visitor('owner'), streamId), []);
});

t.test('a deletion reaches every client, and a purge deletes all messages of a user so far', async (t) => {
  const { chat, hub, sql, livestream } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  const listener = hub.client(account('bob'));
  await joinChat(chat, listener, streamId);
  const { messageId } = await chat.posting.post(visitor('ann'), streamId, { message: 'One' });
  for (const message of ['Two', 'Three']) await chat.posting.post(visitor('eve'), streamId, { message });
  await chat.moderation.deleteMessage(visitor('ann'), streamId, messageId);
  t.match(listener.receivedData('chat:deleted'), [{ streamId, ids: [messageId] }]);
  await t.rejects(chat.moderation.deleteMessage(visitor('owner'), streamId, messageId), {
    code: 'message_not_found',
  });
  const [last, count] = await Promise.all([
    chat.posting.post(visitor('eve'), streamId, { message: 'On its way' }),
    chat.moderation.purge(visitor('owner'), streamId, 'eve'),
  ]);
  const after = await chat.posting.post(visitor('eve'), streamId, { message: 'Later' });
  const kept = texts(await chat.history.page(visitor('bob'), streamId, { limit: 10 }));
  t.ok(kept.includes('Later') && !kept.includes('Two') && !kept.includes('Three'));
  t.match(await sql`select count(*)::integer from livestream_chat where deleted_by = 'owner'`, [{ count }]);
  const purged = listener.receivedData('chat:deleted').at(-1);
  t.match(purged, { streamId, userId: 'eve' });
  t.equal(kept.includes('On its way'), last.messageId > String(purged?.upTo));
  t.ok(after.messageId > String(purged?.upTo));
});

t.test('every moderation action is logged and sent to connected moderators', async (t) => {
  const { chat, hub, livestream } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  const owner = hub.client(account('owner'));
  const [moderator, viewer] = [hub.client(account('mod')), hub.client(account('bob'))];
  t.match(await joinChat(chat, owner, streamId), { moderator: true });
  for (const client of [moderator, viewer])
    t.match(await joinChat(chat, client, streamId), { moderator: false });
  await chat.moderation.appoint(owner, streamId, 'mod');
  await chat.moderation.appoint(owner, streamId, 'mod');
  const { messageId } = await chat.posting.post(visitor('eve'), streamId, { message: 'Nasty' });
  await chat.moderation.deleteMessage(moderator, streamId, messageId);
  await chat.moderation.ban(moderator, streamId, { userId: 'eve', seconds: 10, reason: 'Nasty' });
  await chat.moderation.unban(moderator, streamId, 'eve');
  await chat.moderation.purge(moderator, streamId, 'eve');
  await chat.settings.change(moderator, streamId, { slowMode: 5 });
  await chat.settings.change(moderator, streamId, { slowMode: 5 });
  await chat.moderation.dismiss(owner, streamId, 'mod');
  const actions = [
    'moderator-appointed',
    'message-deleted',
    'timed-out',
    'unbanned',
    'purged',
    'settings-changed',
    'moderator-dismissed',
  ];
  const log = await chat.moderation.log(owner, streamId, { limit: 100 });
  t.same(log.map(({ action }) => action).reverse(), actions);
  t.match(log.at(-2), { moderatorId: 'mod', userId: 'eve', messageId, details: { message: 'Nasty' } });
  const loggedActions = (client: typeof owner) =>
    client.receivedData('chat:log').map(({ entry }) => (entry as { action: string }).action);
  t.same(loggedActions(owner), actions);
  t.same(loggedActions(moderator), actions.slice(1), 'since the appointment');
  const moderatorFlags = moderator.receivedData('chat:moderator').map(({ moderator }) => moderator);
  t.same(moderatorFlags, [true, false], 'appointed and dismissed');
  t.same(loggedActions(viewer), []);
  await chat.settings.change(owner, streamId, { slowMode: 0 });
  t.equal(loggedActions(owner).at(-1), 'settings-changed');
  t.equal(loggedActions(moderator).at(-1), 'moderator-dismissed', 'nothing after the dismissal');
  await chat.moderation.ban(owner, streamId, { userId: 'eve' });
  t.equal(loggedActions(moderator).length, actions.length - 1, 'still nothing');
  t.match(viewer.receivedData('chat:mode'), [{ streamId, slowMode: 5 }]);
});

t.test('moderation actions of one moderator are rate limited, those of the operator are not', async (t) => {
  const { chat, livestream } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  const timeOut = (by: typeof OPERATOR) => chat.moderation.ban(by, streamId, { userId: 'eve', seconds: 60 });
  for (let number = 0; number < 60; number++) await timeOut(visitor('owner'));
  await t.rejects(timeOut(visitor('owner')), { status: 429, code: 'rate_limited' });
  for (let number = 0; number < 100; number++) await timeOut(OPERATOR);
});
