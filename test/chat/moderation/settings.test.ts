import t from 'tap';
import type { ChatSettings } from '../../../src/chat/index.js';
import { startChatFixture, visitor } from '../../support/fixtures/chat-fixture.js';

type Case = {
  mode: Partial<ChatSettings>;
  message: string;
  code: string;
  /** Message that the setting allows. */
  allowed?: string;
};

const cases: Case[] = [
  { mode: { emoteOnly: true }, message: 'words', code: 'emote_only', allowed: '\u{1f600} :pog:' },
  { mode: { links: 'moderators' }, message: 'see example.com', code: 'links_not_allowed', allowed: 'words' },
  { mode: { blockedTerms: ['bad'] }, message: 'so B\u00c4D', code: 'term_blocked', allowed: 'badge' },
];

for (const { mode, message, code, allowed = '' } of cases)
  t.test(`${JSON.stringify(mode)} applies to viewers and not to moderators`, async (t) => {
    const { chat, livestream, reopen } = await startChatFixture(t);
    const { id: streamId } = await livestream();
    await chat.posting.post(visitor('ann'), streamId, { message });
    await chat.moderation.appoint(visitor('owner'), streamId, 'mod');
    await chat.settings.change(visitor('owner'), streamId, mode);
    for (const instance of [chat, await reopen()]) {
      await t.rejects(instance.posting.post(visitor('ann'), streamId, { message }), { status: 403, code });
      await instance.posting.post(visitor('ann'), streamId, { message: allowed });
      for (const author of [visitor('owner'), visitor('mod'), visitor('root', 'admin')])
        await instance.posting.post(author, streamId, { message });
    }
  });

t.test('forbidden links are refused for moderators too', async (t) => {
  const { chat, livestream } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  await chat.settings.change(visitor('owner'), streamId, { links: 'forbidden' });
  for (const author of [visitor('ann'), visitor('owner'), visitor('root', 'admin')])
    await t.rejects(chat.posting.post(author, streamId, { message: 'https://example.test' }), {
      code: 'links_not_allowed',
    });
});

t.test('members-only chat accepts invitees and moderators', async (t) => {
  const { chat, livestreams, livestream } = await startChatFixture(t);
  const { id: streamId } = await livestream({ invitees: ['ann'] });
  await chat.settings.change(visitor('owner'), streamId, { membersOnly: true });
  const post = (userId: string) => chat.posting.post(visitor(userId), streamId, { message: 'x' });
  await post('ann');
  await post('owner');
  await t.rejects(post('bob'), { status: 403, code: 'members_only' });
  await livestreams.invitees.add(streamId, 'bob');
  await post('bob');
});

t.test('followers-only chat accepts followers of the broadcaster', async (t) => {
  const { chat, follows, livestream } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  await chat.settings.change(visitor('owner'), streamId, { followersOnly: true });
  const post = (userId: string) => chat.posting.post(visitor(userId), streamId, { message: 'x' });
  await t.rejects(post('ann'), { status: 403, code: 'followers_only' });
  follows.add('ann owner');
  await post('ann');
  const { id: withoutOwner } = await livestream({ userId: null });
  await chat.settings.change(visitor('root', 'admin'), withoutOwner, { followersOnly: true });
  await t.rejects(chat.posting.post(visitor('ann'), withoutOwner, { message: 'x' }), {
    code: 'followers_only',
  });
});

t.test('slow mode delays the next message, and a refused message does not count', async (t) => {
  const { chat, clock, livestream } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  await chat.settings.change(visitor('owner'), streamId, { slowMode: 30, blockedTerms: ['bad'] });
  const post = (userId: string, message = 'x') => chat.posting.post(visitor(userId), streamId, { message });
  await t.rejects(post('ann', 'bad'), { code: 'term_blocked' });
  await post('ann');
  await t.rejects(post('ann'), { status: 429, code: 'slow_mode', details: { retryAfter: 30 } });
  await post('bob');
  await clock.advance(29_000);
  await t.rejects(post('ann'), { details: { retryAfter: 1 }, code: 'slow_mode' });
  await clock.advance(1_000);
  await post('ann');
  for (let count = 0; count < 3; count++) await post('owner');
  await chat.settings.change(visitor('owner'), streamId, { slowMode: 0 });
  await post('ann');
});

t.test('concurrent changes of different settings are all applied', async (t) => {
  const { chat, livestream, reopen } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  await Promise.all([
    chat.settings.change(visitor('owner'), streamId, { slowMode: 7 }),
    chat.settings.change(visitor('root', 'admin'), streamId, { emoteOnly: true }),
    chat.settings.change(visitor('owner'), streamId, { blockedTerms: ['a', 'b'] }),
  ]);
  const expected = { slowMode: 7, emoteOnly: true, blockedTerms: ['a', 'b'] };
  for (const instance of [chat, await reopen()])
    t.match(await instance.settings.read(visitor('owner'), streamId), expected);
});
