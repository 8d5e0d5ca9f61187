import t, { type Test } from 'tap';
import { PublicError } from '../../src/platform/index.js';
import {
  account,
  fakeIdentities,
  openAudienceFixture,
  viewerRequest,
} from '../support/fixtures/audience-fixture.js';

const LATE = { status: 503, code: 'temporarily_unavailable' } as const;

/** Ann watches a livestream by HLS and WHEP; `database.isHanging` fails look-ups of who she is. */
async function watching(t: Test, visibility: 'public' | 'private') {
  const { roles, identities } = fakeIdentities();
  const database = { isHanging: false };
  const stage = await openAudienceFixture(t, {
    identities: {
      of: identities.of,
      current: async (identity) => {
        if (database.isHanging) throw new PublicError(LATE.status, LATE.code, '');
        return await identities.current(identity);
      },
    },
  });
  const { audience, streams, livestream } = stage;
  const streamId = await livestream({ visibility });
  await streams.addInvitee(streamId, 'ann');
  const { token } = await audience.join(account('ann'), viewerRequest(streamId));
  const whep = { isDismissed: false };
  (await audience.admit(viewerRequest(streamId, { token }))).hold('whep', () => {
    whep.isDismissed = true;
  });
  const access = () => ({
    seen: audience.recordActivity(streamId, token, 'hls'),
    media: audience.mediaAccess(streamId, token),
  });
  return { ...stage, access, database, roles, streamId, token, whep };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

t.test('a viewer token is not accepted from memory between a change and its review', async (t) => {
  const { audience, access } = await watching(t, 'private');
  t.same(access(), { seen: 'invited', media: 'invited' });
  audience.accessChanged({ userId: 'ann' });
  t.same(access(), { seen: undefined, media: undefined });
  while (access().media === undefined) await turn();
  t.same(access(), { seen: 'invited', media: 'invited' }, 'the review found that she may still watch');
});

t.test('while the database hangs no viewer is dismissed, and a change counts when it answers', async (t) => {
  const { audience, access, clock, database, logLines, roles, streamId, token, whep } = await watching(
    t,
    'private',
  );
  database.isHanging = true;
  roles.delete('ann');
  audience.accessChanged({ userId: 'ann' });
  while (!logLines.some((line) => line.includes('permissions of viewers could not be checked'))) await turn();
  t.notOk(whep.isDismissed, 'a connection goes on');
  t.same(access(), { seen: undefined, media: undefined }, 'requests are not answered from memory');
  await t.rejects(audience.admitPlaylistRequest(viewerRequest(streamId, { token }), 'hls'), LATE);
  database.isHanging = false;
  await clock.advance(1_000);
  for (let turns = 0; !whep.isDismissed && turns < 1_000; turns++) await turn();
  t.ok(whep.isDismissed);
  await t.rejects(audience.admitPlaylistRequest(viewerRequest(streamId, { token }), 'hls'), {
    code: 'stream_not_found',
  });
});

t.test('viewers of a public livestream are reviewed without a look-up of who they are', async (t) => {
  const { audience, access, database, streamId, token, whep } = await watching(t, 'public');
  database.isHanging = true;
  audience.accessChanged({ userId: 'ann' });
  while (access().seen === undefined) await turn();
  t.same(access(), { seen: 'everybody', media: 'everybody' });
  t.equal(await audience.admitPlaylistRequest(viewerRequest(streamId, { token }), 'hls'), 'everybody');
  t.notOk(whep.isDismissed);
});
