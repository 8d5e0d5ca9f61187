import t from 'tap';
import {
  assertErrorResponse,
  authorizationOf,
  openLivestreamApi,
  type PersonName,
} from '../../support/fixtures/livestream-api-fixture.js';

t.test('a private test hides a livestream from all but its owner, and its end shows it', async (t) => {
  const { app, create, publish, livestreams } = await openLivestreamApi(t);
  const patch = (payload: object) =>
    app.inject({
      ...{ method: 'PATCH', url: `/api/livestream/${streamId}`, payload },
      headers: authorizationOf('anna'),
    });
  const streamId = await create({ title: 'A', guests: ['vera'] }, 'anna');
  const statusFor = async (name?: PersonName): Promise<number> => {
    const headers = name === undefined ? {} : authorizationOf(name);
    return (await app.inject({ url: `/api/livestream/${streamId}`, headers })).statusCode;
  };
  const begun = await patch({ testing: true });
  t.match(begun.json().stream, { testing: true, visibility: 'public' });
  await publish(streamId);
  t.equal(await statusFor('anna'), 200);
  t.equal(await statusFor(), 404);
  t.equal(await statusFor('vera'), 404, 'nor may invitees watch');
  t.same((await app.inject('/api/livestream/active')).json().streams, []);

  t.match((await patch({ visibility: 'private' })).json().stream, {
    ...{ testing: true, visibility: 'private' },
  });
  t.match((await patch({ testing: false })).json().stream, {
    ...{ testing: false, visibility: 'private', state: { name: 'live' } },
  });
  t.equal(await statusFor('vera'), 200);
  t.equal(await statusFor(), 404);
  await patch({ visibility: 'public' });
  t.equal(await statusFor(), 200);
  assertErrorResponse(t, await patch({ testing: true }), 409, 'stream_under_way');
  t.equal((await livestreams.find(streamId))?.visibilityAfterTest, null);
});
