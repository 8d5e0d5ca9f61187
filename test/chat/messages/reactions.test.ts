import t from 'tap';
import { account, startChatFixture } from '../../support/fixtures/chat-fixture.js';

t.test('reactions are counted and broadcast once a second', async (t) => {
  const { chat, hub, clock, livestream } = await startChatFixture(t);
  const { id: streamId } = await livestream();
  const react = (userId: string, reaction: string) =>
    chat.feature.events['chat:react']!(hub.client(account(userId)), { streamId, reaction });
  for (let count = 0; count < 5; count++) await react(`fan${count}`, '\u2764\ufe0f');
  await react('fan1', ':pog:');
  const broadcasts = () => hub.broadcasts.filter(({ event }) => event === 'chat:reactions');
  t.same(broadcasts(), []);
  await clock.advance(1_000);
  t.match(broadcasts(), [
    { droppable: true, data: { streamId, reactions: { '\u2764\ufe0f': 5, ':pog:': 1 } } },
  ]);
  await clock.advance(5_000);
  t.equal(broadcasts().length, 1);
  for (let count = 0; count < 20; count++) await react('eve', ':pog:');
  await t.rejects(Promise.resolve(react('eve', ':pog:')), { code: 'rate_limited' });
  await t.rejects(
    Promise.resolve(
      chat.feature.events['chat:react']!(hub.client({ kind: 'anonymous' }), { streamId, reaction: ':pog:' }),
    ),
    { code: 'not_signed_in' },
  );
});
