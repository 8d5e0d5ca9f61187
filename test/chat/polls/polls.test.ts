import t from 'tap';
import {
  account,
  anonymousVisitor,
  joinChat,
  OPERATOR,
  startChatFixture,
  visitor,
} from '../../support/fixtures/chat-fixture.js';

const question = { question: 'Which map?', options: ['Old', 'New', 'Neither'], seconds: 60 };

t.test('a poll accepts one vote per account and closes at its end', async (t) => {
  const { chat, hub, clock, sql, livestream } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  const listener = hub.client(account('bob'));
  await joinChat(chat, listener, streamId);
  const poll = await chat.polls.create(visitor('owner'), streamId, question);
  t.match(poll, {
    question: 'Which map?',
    options: [{ text: 'Old', votes: 0 }, {}, {}],
    votes: 0,
    closedAt: null,
  });
  await t.rejects(chat.polls.create(visitor('owner'), streamId, question), { code: 'poll_open' });
  const vote = (userId: string, option: number) =>
    chat.polls.vote(visitor(userId), streamId, poll.id, option);
  await Promise.all(Array.from({ length: 30 }, (_, voter) => vote(`voter${voter}`, voter % 3 === 0 ? 0 : 1)));
  const [first, second] = await Promise.allSettled([vote('eve', 2), vote('eve', 2)]);
  t.match([first, second], [{ status: 'fulfilled' }, { reason: { status: 409, code: 'voted_already' } }]);
  for (const option of [-1, 3, 0.5]) await t.rejects(vote('zoe', option), { code: 'option_invalid' });
  await t.rejects(chat.polls.vote(anonymousVisitor(), streamId, poll.id, 0), { code: 'not_signed_in' });
  await t.rejects(chat.polls.vote(OPERATOR, streamId, poll.id, 0), { code: 'account_needed' });
  await t.rejects(chat.polls.vote(visitor('zoe'), streamId, streamId, 0), { code: 'poll_not_found' });
  await clock.advance(1_000);
  t.match(
    listener.receivedData('chat:poll'),
    [{ poll: { votes: 0 } }, { poll: { votes: 31 } }],
    'broadcast once a second',
  );
  await clock.advance(59_000);
  while (listener.receivedData('chat:poll').length < 3) await new Promise(setImmediate);
  const counted = { options: [{ votes: 10 }, { votes: 20 }, { votes: 1 }], votes: 31, closedAt: String };
  t.match(listener.receivedData('chat:poll')[2], { streamId, poll: counted });
  t.match(await chat.polls.list(anonymousVisitor(), streamId, 5), [counted]);
  await t.rejects(vote('zoe', 0), { status: 409, code: 'poll_closed' });
  t.same([...(await sql`select * from livestream_poll_votes`)], [], 'single votes are deleted at the close');
  await chat.polls.create(visitor('owner'), streamId, question);
});

t.test('a restart keeps every acknowledged vote and closes polls that are due', async (t) => {
  const { chat, clock, livestream, reopen } = await startChatFixture(t);
  const [{ id: going }, { id: over }] = [await livestream(), await livestream()];
  const long = await chat.polls.create(visitor('owner'), going, question);
  const short = await chat.polls.create(visitor('owner'), over, { ...question, seconds: 10 });
  for (const [streamId, poll] of [
    [going, long],
    [over, short],
  ] as const)
    await chat.polls.vote(visitor('ann'), streamId, poll.id, 1);
  await chat.close();
  await clock.advance(20_000);
  const restarted = await reopen();
  await t.rejects(restarted.polls.vote(visitor('ann'), going, long.id, 0), { code: 'voted_already' });
  await restarted.polls.vote(visitor('bob'), going, long.id, 1);
  t.match(await restarted.polls.list(visitor('ann'), going, 1), [{ votes: 2, closedAt: null }]);
  await clock.advance(0);
  for (let closed = false; !closed; ) {
    const [poll] = await restarted.polls.list(visitor('ann'), over, 1);
    closed = poll?.closedAt !== null;
    if (closed) t.match(poll, { options: [{ votes: 0 }, { votes: 1 }, { votes: 0 }] });
  }
  const closed = await restarted.polls.close(visitor('owner'), going, long.id);
  t.match(closed, { votes: 2, options: [{ votes: 0 }, { votes: 2 }, { votes: 0 }] });
  await t.rejects(restarted.polls.close(visitor('owner'), going, long.id), { code: 'poll_closed' });
});

t.test('invalid polls get their error codes', async (t) => {
  const { chat, livestream } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  const create = (over: object) => chat.polls.create(visitor('owner'), streamId, { ...question, ...over });
  for (const over of [{ options: ['One'] }, { options: ['a', 'a '] }, { seconds: 5 }, { seconds: 1.5 }])
    await t.rejects(create(over), { status: 400, code: 'poll_invalid' });
  await t.rejects(create({ question: ' ' }), { code: 'message_empty' });
  await t.rejects(chat.polls.create(visitor('ann'), streamId, question), { code: 'not_allowed' });
});
