import t, { type Test } from 'tap';
import { Channels } from '../../../src/accounts/index.js';
import { PublicChannels, publicChannelRoutes } from '../../../src/api/index.js';
import { BoundedCalls, systemClock } from '../../../src/platform/index.js';
import { assertErrorResponse, startAccountApiFixture } from '../../support/fixtures/account-api-fixture.js';
import { URLS } from '../../support/fixtures/livestream-api-fixture.js';

async function openChannels(t: Test) {
  const fixture = await startAccountApiFixture(t);
  const { app, authentication, sql, clock } = fixture;
  const { accounts, follows } = authentication;
  const channels = new Channels(sql);
  app.register(publicChannelRoutes, {
    channels: new PublicChannels({ accounts, follows, channels, urls: URLS }),
    calls: new BoundedCalls({ clock: systemClock, timeoutMs: 10_000 }),
    clock,
    prefix: '/api/channels',
  });
  return { ...fixture, channels };
}

t.test('a channel has its description and followers, by its name in any case', async (t) => {
  const { request, createAccount, authentication, channels, clock } = await openChannels(t);
  const { id: userId } = await createAccount('שָׁלוֹם & Ada/é', 'broadcaster');
  const url = `/api/channels/${encodeURIComponent('שָׁלוֹם & ada/É')}`;
  const page = `https://live.example.test/@${encodeURIComponent('שָׁלוֹם & Ada/é'.normalize('NFKC'))}`;
  const name = 'שָׁלוֹם & Ada/é'.normalize('NFKC');
  t.same((await request('GET', url)).json(), {
    channel: { userId, name, description: '', followers: 0, page },
  });
  await channels.of(userId);
  await channels.change(userId, { description: 'About <b>' });
  await authentication.follows.follow('somebody', userId);
  await clock.advance(2_000);
  t.same((await request('GET', url)).json(), {
    channel: { userId, name, description: 'About <b>', followers: 1, page },
  });
});

t.test('names without an account, and those of viewers and disabled accounts, have no channel', async (t) => {
  const { request, createAccount, authentication } = await openChannels(t);
  await createAccount('Vera', 'viewer');
  const { id } = await createAccount('Boris', 'broadcaster');
  await authentication.accounts.change(id, { disabled: true });
  for (const name of ['Nobody', 'Vera', 'Boris', '%00', '..%2F'])
    assertErrorResponse(t, await request('GET', `/api/channels/${name}`), 404, 'channel_not_found');
  assertErrorResponse(t, await request('GET', `/api/channels/${'x'.repeat(101)}`), 400, 'validation_failed');
});
