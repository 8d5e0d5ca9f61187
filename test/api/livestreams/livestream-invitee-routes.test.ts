import t from 'tap';
import {
  assertErrorResponse,
  authorizationOf,
  openLivestreamApi,
} from '../../support/fixtures/livestream-api-fixture.js';

t.test('the broadcaster adds, lists and removes invitees', async (t) => {
  const { app, create } = await openLivestreamApi(t);
  const streamId = await create({ visibility: 'private' });
  const url = `/api/livestream/${streamId}/guests`;
  const request = (method: 'GET' | 'PUT' | 'DELETE', path = '') =>
    app.inject({ method, url: `${url}${path}`, headers: authorizationOf('anna') });
  const readAsInvitee = () =>
    app.inject({ url: `/api/livestream/${streamId}`, headers: authorizationOf('vera') });
  assertErrorResponse(t, await readAsInvitee(), 404, 'stream_not_found');
  for (const path of ['/vera', '/vera', '/user%20%2F%20%3Cb%3E'])
    t.same((await request('PUT', path)).json(), { success: true });
  t.equal((await readAsInvitee()).statusCode, 200);
  const listed = (await request('GET')).json().guests;
  t.match(listed, [
    { userId: 'vera', invitedAt: String },
    { userId: 'user / <b>', invitedAt: String },
  ]);
  t.equal((await request('GET', '?limit=1&offset=1')).json().guests[0].userId, 'user / <b>');
  t.same((await request('DELETE', '/vera')).json(), { success: true });
  assertErrorResponse(t, await request('DELETE', '/vera'), 404, 'guest_not_found');
  assertErrorResponse(t, await readAsInvitee(), 404, 'stream_not_found');
  assertErrorResponse(
    t,
    await request('PUT', '/%07'),
    400,
    'validation_failed',
    /userId must hold visible text/,
  );
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
