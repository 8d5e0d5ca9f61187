import t from 'tap';
import { assertErrorResponse, startAccountApiFixture } from '../../support/fixtures/account-api-fixture.js';

t.test('accounts are found by name and by ids, for those who are signed in', async (t) => {
  const { request, createAccount, accessTokenHeaders } = await startAccountApiFixture(t);
  const ada = await createAccount('Ada');
  const bob = await createAccount('Bob');
  const headers = await accessTokenHeaders(ada);
  const users = async (query: string) =>
    (await request('GET', `/api/auth/users?${query}`, { headers })).json().users;
  t.same(await users('name=ADA'), [{ id: ada.id, name: 'Ada' }]);
  t.same(await users('name=nobody'), []);
  t.same(await users('name=A%00da'), []);
  const known = await users(`ids=${encodeURIComponent(`${ada.id},platform-7,${bob.id}`)}`);
  t.same(new Set(known.map(({ name }: { name: string }) => name)), new Set(['Ada', 'Bob']));
  assertErrorResponse(t, await request('GET', '/api/auth/users?name=Ada'), 401, 'not_signed_in');
  assertErrorResponse(t, await request('GET', '/api/auth/users', { headers }), 400, 'validation_failed');
  const many = Array.from({ length: 101 }, () => ada.id).join();
  assertErrorResponse(
    t,
    await request('GET', `/api/auth/users?ids=${many}`, { headers }),
    400,
    'validation_failed',
  );
});
