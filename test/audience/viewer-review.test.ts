import t, { type Test } from 'tap';
import { PublicError } from '../../src/platform/index.js';
import {
  account,
  fakeIdentities,
  openAudienceFixture,
  viewerRequest,
} from '../support/fixtures/audience-fixture.js';

const LATE = { status: 503, code: 'temporarily_unavailable' } as const;

/** Ann watches a livestream by HLS and WHEP; `database.isHanging` blocks lookups of her identity. */
async function watching(t: Test, visibility: 'public' | 'private') {
  const { roles, identities } = fakeIdentities();
  const database = { isHanging: false };
  const fixture = await openAudienceFixture(t, {
    identities: {
      of: identities.of,
      current: async (identity) => {
        if (database.isHanging) throw new PublicError(LATE.status, LATE.code, '');
        return await identities.current(identity);
      },
    },
  });
  const { audience, livestreams, livestream } = fixture;
  const streamId = await livestream({ visibility });
  await livestreams.invitees.add(streamId, 'ann');
  const { token } = await audience.join(account('ann'), viewerRequest(streamId));
  const whep = { isDismissed: false };
  (await audience.admit(viewerRequest(streamId, { token }))).hold('whep', () => {
    whep.isDismissed = true;
  });
  const access = () => ({
    seen: audience.recordActivity(streamId, token, 'hls'),
    media: audience.mediaAccess(streamId, token),
  });
  return { ...fixture, access, database, roles, streamId, token, whep };
}

/** Waits for the responses of the real database. */
async function until(isDone: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !isDone() && Date.now() < end; )
    await new Promise((resolve) => setTimeout(resolve, 5));
}

t.test('a viewer token is not accepted from the cache between a change and its review', async (t) => {
  const { access, audience, livestreams, streamId, token } = await watching(t, 'private');
  const [known, unknown] = [
    { seen: 'invited', media: 'invited' },
    { seen: undefined, media: undefined },
  ];
  t.same(access(), known);
  await livestreams.edit(streamId, { visibility: 'private' });
  t.same(access(), unknown, 'the livestream changed');
  await until(() => access().media !== undefined);
  t.same(access(), known, 'the review confirmed the permission');
  audience.accessChanged({ userId: 'ann' });
  t.same(access(), unknown, 'the account changed');
  t.equal(await audience.admitPlaylistRequest(viewerRequest(streamId, { token }), 'hls'), 'invited');
  t.same(access(), known, 'the database was queried');
});

t.test('while the database hangs no viewer is dismissed, and changes apply once it responds', async (t) => {
  const { audience, access, clock, database, logLines, roles, streamId, token, whep } = await watching(
    t,
    'private',
  );
  database.isHanging = true;
  roles.delete('ann');
  audience.accessChanged({ userId: 'ann' });
  const isFailed = () =>
    logLines.some((line) => line.includes('permissions of viewers could not be checked'));
  await until(isFailed);
  t.ok(isFailed());
  t.notOk(whep.isDismissed, 'a connection stays open');
  t.same(access(), { seen: undefined, media: undefined }, 'requests are not answered from the cache');
  await t.rejects(audience.admitPlaylistRequest(viewerRequest(streamId, { token }), 'hls'), LATE);
  database.isHanging = false;
  await clock.advance(1_000);
  await until(() => whep.isDismissed);
  t.ok(whep.isDismissed);
  await t.rejects(audience.admitPlaylistRequest(viewerRequest(streamId, { token }), 'hls'), {
    code: 'stream_not_found',
  });
});

t.test('viewers of a public livestream are admitted without identity while the database hangs', async (t) => {
  const { audience, access, database, logLines, streamId, token, whep } = await watching(t, 'public');
  database.isHanging = true;
  audience.accessChanged({ userId: 'ann' });
  t.equal(await audience.admitPlaylistRequest(viewerRequest(streamId, { token }), 'hls'), 'everybody');
  t.same(access(), { seen: 'everybody', media: 'everybody' });
  t.notOk(whep.isDismissed);
  t.notOk(logLines.some((line) => line.includes('could not be checked')));
});
