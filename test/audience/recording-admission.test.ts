import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { RecordingAdmission } from '../../src/audience/index.js';
import { ViewerTokens } from '../../src/audience/viewer-token.js';
import { BoundedCalls, createLog, newId } from '../../src/platform/index.js';
import type { Visibility } from '../../src/streams/index.js';
import { FakeClock } from '../support/fakes/fake-clock.js';
import { account, fakeIdentities, viewerRequest } from '../support/fixtures/audience-fixture.js';
import { until } from '../support/until.js';

const NOT_FOUND = { status: 404, code: 'stream_not_found' } as const;

/** Opens the admission to one recording of Olga's, with Ann as an invitee of its livestream. */
function open(t: Test, visibility: Visibility) {
  const clock = new FakeClock();
  const { identities, roles } = fakeIdentities();
  const [streamId, recordingId] = [newId(), newId()];
  const recording = { id: streamId, userId: 'olga', visibility };
  const invitees = new Set(['ann']);
  const listeners: {
    recording: (id: string) => void;
    livestream: (id: string, accessChanged: boolean) => void;
  } = {
    recording: () => {},
    livestream: () => {},
  };
  const secret = randomBytes(32);
  const admission = new RecordingAdmission({
    recordings: {
      findWatched: async (id) => (id === recordingId ? { ...recording } : undefined),
      onUpdate: (listener) => {
        listeners.recording = listener;
        return () => {};
      },
    },
    livestreams: {
      invitees: { has: async (id, userId) => id === streamId && invitees.has(userId) },
      onUpdate: (listener) => {
        listeners.livestream = listener;
        return () => {};
      },
    },
    authenticate: async ({ authorization = '' }) => account(authorization),
    ...{ identities, secret, clock, log: createLog('silent'), calls: new BoundedCalls({ clock }) },
  });
  admission.start();
  t.teardown(() => admission.close());
  const tokens = new ViewerTokens(secret);
  return { admission, clock, roles, recording, invitees, listeners, streamId, recordingId, tokens };
}

t.test('a public recording is for everybody, whatever its livestream is, without a token', async (t) => {
  const { admission, recordingId } = open(t, 'public');
  t.equal(await admission.admitPlaylistRequest(viewerRequest(recordingId), undefined), 'everybody');
  t.equal(admission.mediaAccess(recordingId, undefined), 'everybody');
  await t.rejects(admission.admitPlaylistRequest(viewerRequest(newId()), undefined), NOT_FOUND);
});

t.test('a private recording admits its owner and invitees, who keep their token', async (t) => {
  const { admission, recordingId, streamId, tokens } = open(t, 'private');
  await t.rejects(admission.admitPlaylistRequest(viewerRequest(recordingId), undefined), NOT_FOUND);
  await t.rejects(admission.admit(viewerRequest(recordingId, { authorization: 'boris' })), NOT_FOUND);
  for (const authorization of ['olga', 'ann']) {
    const { token } = await admission.admit(viewerRequest(recordingId, { authorization }));
    t.equal(admission.mediaAccess(recordingId, token), 'invited', authorization);
    t.ok(tokens.read(streamId, token), 'it is a token of the livestream');
    t.equal(admission.mediaAccess(recordingId, `${token}x`), undefined);
    t.equal(admission.mediaAccess(recordingId, undefined), undefined);
  }
});

t.test('a token of the livestream serves for its recordings', async (t) => {
  const { admission, clock, recordingId, streamId, tokens } = open(t, 'private');
  const { token } = await admission.admit(viewerRequest(recordingId, { authorization: 'ann' }));
  const grant = tokens.read(streamId, token)!;
  const own = tokens.issue(streamId, { ...grant, viewerId: newId(), issuedAt: clock.now() });
  t.equal(
    await admission.admitPlaylistRequest(viewerRequest(recordingId, { token: own }), undefined),
    'invited',
  );
  const foreign = tokens.issue(newId(), grant);
  await t.rejects(
    admission.admitPlaylistRequest(viewerRequest(recordingId, { token: foreign }), undefined),
    NOT_FOUND,
  );
});

t.test(
  'a permission ends with the invitation, the visibility or the account, for what is open too',
  async (t) => {
    for (const end of ['invitation', 'visibility', 'account'] as const) {
      const opened = open(t, end === 'visibility' ? 'public' : 'private');
      const { admission, recordingId, streamId, recording, invitees, listeners, roles } = opened;
      const authorization = end === 'visibility' ? 'boris' : 'ann';
      const viewer = await admission.admit(viewerRequest(recordingId, { authorization }));
      let isRevoked = false;
      viewer.onRevoked(() => {
        isRevoked = true;
      });
      if (end === 'invitation') {
        invitees.clear();
        listeners.livestream(streamId, true);
      } else if (end === 'visibility') {
        recording.visibility = 'private';
        listeners.recording(recordingId);
      } else {
        roles.delete('ann');
        admission.accessChanged({ userId: 'ann' });
      }
      t.equal(admission.mediaAccess(recordingId, viewer.token), undefined, `${end}: not from memory`);
      await until(`${end}: what is open is closed`, () => isRevoked);
      await t.rejects(
        admission.admitPlaylistRequest(viewerRequest(recordingId, { token: viewer.token }), undefined),
        NOT_FOUND,
      );
    }
  },
);
