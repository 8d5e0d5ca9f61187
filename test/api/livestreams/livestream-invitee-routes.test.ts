import t from 'tap';
import {
  assertErrorResponse,
  authorizationOf,
  openLivestreamApi,
} from '../../support/fixtures/livestream-api-fixture.js';

t.test('the broadcaster adds, lists and removes invitees', async (t) => {
  const { app, create } = await openLivestreamApi(t);
  const streamId = await create({ visibility: 'private' });
  const guests = `/api/livestream/${streamId}/guests`;
  const ask = (method: 'GET' | 'PUT' | 'DELETE', path = '') =>
    app.inject({ method, url: `${guests}${path}`, headers: authorizationOf('anna') });
  const watch = () => app.inject({ url: `/api/livestream/${streamId}`, headers: authorizationOf('vera') });
  assertErrorResponse(t, await watch(), 404, 'stream_not_found');
  for (const path of ['/vera', '/vera', '/user%20%2F%20%3Cb%3E'])
    t.same((await ask('PUT', path)).json(), { success: true });
  t.equal((await watch()).statusCode, 200);
  const listed = (await ask('GET')).json().guests;
  t.match(listed, [
    { userId: 'vera', invitedAt: String },
    { userId: 'user / <b>', invitedAt: String },
  ]);
  t.equal((await ask('GET', '?limit=1&offset=1')).json().guests[0].userId, 'user / <b>');
  t.same((await ask('DELETE', '/vera')).json(), { success: true });
  assertErrorResponse(t, await ask('DELETE', '/vera'), 404, 'guest_not_found');
  assertErrorResponse(t, await watch(), 404, 'stream_not_found');
  assertErrorResponse(t, await ask('PUT', '/%07'), 400, 'validation_failed', /userId must hold visible text/);
});

t.test('the number of invitees is limited', async (t) => {
  const { app, create, sql } = await openLivestreamApi(t);
  const streamId = await create();
  await sql`insert into livestream_guests (stream_id, user_id)
    select ${streamId}, 'guest ' || n from generate_series(1, 1000) as n`;
  const invite = (userId: string) =>
    app.inject({
      method: 'PUT',
      url: `/api/livestream/${streamId}/guests/${userId}`,
      headers: authorizationOf('anna'),
    });
  assertErrorResponse(t, await invite('vera'), 409, 'too_many_guests');
  t.equal((await invite('guest%205')).statusCode, 200, 'an existing invitee can be repeated');
});
