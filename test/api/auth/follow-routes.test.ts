import t from 'tap';
import { assertErrorResponse, startAccountApiFixture } from '../../support/fixtures/account-api-fixture.js';
import { operatorHeaders } from '../../support/fixtures/accounts-fixture.js';

t.test('accounts follow and unfollow each other, also by user ids of a host platform', async (t) => {
  const { request, createAccount, accessTokenHeaders, authentication } = await startAccountApiFixture(t);
  const mine = await createAccount('Ada');
  const headers = await accessTokenHeaders(mine);
  const url = `/api/users/${encodeURIComponent('user/7 ü')}/follow`;
  const following = async () => (await request('GET', url, { headers })).json().following;
  t.equal(await following(), false);
  for (let i = 0; i < 2; i++) t.same((await request('PUT', url, { headers })).json(), { following: true });
  t.equal(await following(), true);
  t.equal(await authentication.follows.isFollowing(mine.id, 'user/7 ü'), true);
  t.equal(await authentication.follows.isFollowing('user/7 ü', mine.id), false);
  for (let i = 0; i < 2; i++)
    t.same((await request('DELETE', url, { headers })).json(), { following: false });
  t.equal(await following(), false);
  assertErrorResponse(
    t,
    await request('PUT', `/api/users/${mine.id}/follow`, { headers }),
    400,
    'own_follower',
  );
  assertErrorResponse(t, await request('PUT', url), 401, 'not_signed_in');
  assertErrorResponse(t, await request('PUT', url, { headers: operatorHeaders }), 403, 'account_needed');
  assertErrorResponse(
    t,
    await request('PUT', '/api/users/%00/follow', { headers }),
    400,
    'validation_failed',
  );
});

t.test('an account follows at most 5,000 others', async (t) => {
  const { request, createAccount, accessTokenHeaders, sql } = await startAccountApiFixture(t);
  const mine = await createAccount('Ada');
  await sql`insert into follows (follower_id, followed_id) select ${mine.id}, 'user ' || n from generate_series(1, 5000) n`;
  const headers = await accessTokenHeaders(mine);
  assertErrorResponse(t, await request('PUT', '/api/users/u1/follow', { headers }), 409, 'too_many_follows');
  t.equal(
    (await request('PUT', '/api/users/user%201/follow', { headers })).statusCode,
    200,
    'existing ones can be repeated',
  );
});
