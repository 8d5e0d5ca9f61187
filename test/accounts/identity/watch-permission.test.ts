import t from 'tap';
import {
  ANONYMOUS,
  mayEverybodyWatch,
  mayWatch,
  type Principal,
  type Role,
  requireWatchable,
  type Watchable,
} from '../../../src/accounts/index.js';

function account(userId: string, role: Role = 'viewer', via: 'session' | 'jwt' = 'session'): Principal {
  return { kind: 'account', userId, name: userId, role, via };
}

/** Kinds of people, and whether they may watch a private livestream of `owner` to which `invitee` is invited. */
const PEOPLE: [person: string, principal: Principal, mayWatchPrivate: boolean][] = [
  ['somebody without credentials', ANONYMOUS, false],
  ['an account', account('stranger'), false],
  ['another broadcaster', account('other', 'broadcaster'), false],
  ['a moderator of the chat who is not invited', account('moderator'), false],
  ['an invitee', account('invitee'), true],
  ['the owner', account('owner', 'broadcaster'), true],
  ['the owner after the loss of the role', account('owner'), true],
  ['an admin', account('admin', 'admin'), true],
  ['an admin of the host platform', account('admin', 'admin', 'jwt'), true],
  ['the operator', { kind: 'operator' }, true],
];

const STREAM_ID = '01890a5d-ac96-774b-bcce-b302099a8000';
const NOT_FOUND = { status: 404, code: 'stream_not_found', message: 'There is no such livestream.' };

function livestream(visibility: Watchable['visibility'], userId: string | null = 'owner'): Watchable {
  return { id: STREAM_ID, userId, visibility };
}

/** Look-up of the invitation of `invitee`, which records who was looked up. */
function invitations() {
  const asked: string[] = [];
  const isInvitee = async (streamId: string, userId: string): Promise<boolean> => {
    asked.push(userId);
    return streamId === STREAM_ID && userId === 'invitee';
  };
  return { asked, isInvitee };
}

for (const [person, principal, mayWatchPrivate] of PEOPLE)
  t.test(`${person} may ${mayWatchPrivate ? '' : 'not '}watch a private livestream`, async (t) => {
    const { asked, isInvitee } = invitations();
    for (const visibility of ['public', 'unlisted'] as const) {
      const open = livestream(visibility);
      t.equal(await mayWatch(principal, open, isInvitee), true, visibility);
      t.equal(await requireWatchable(principal, open, isInvitee), open, visibility);
    }
    t.same(asked, [], 'no invitation is looked up where everybody may watch');

    const closed = livestream('private');
    t.equal(await mayWatch(principal, closed, isInvitee), mayWatchPrivate);
    if (mayWatchPrivate) t.equal(await requireWatchable(principal, closed, isInvitee), closed);
    else await t.rejects(requireWatchable(principal, closed, isInvitee), NOT_FOUND);

    await t.rejects(requireWatchable(principal, undefined, isInvitee), NOT_FOUND, 'unknown livestream');
  });

t.test('an invitation is looked up only for accounts whose permission depends on it', async (t) => {
  for (const [person, principal] of PEOPLE) {
    const { asked, isInvitee } = invitations();
    await mayWatch(principal, livestream('private'), isInvitee);
    const dependsOnIt = ['stranger', 'other', 'moderator', 'invitee'].filter(
      (userId) => principal.kind === 'account' && principal.userId === userId,
    );
    t.same(asked, dependsOnIt, person);
  }
});

t.test('a private livestream without an owner is for admins and invitees alone', async (t) => {
  const { isInvitee } = invitations();
  for (const [person, principal, mayWatchPrivate] of PEOPLE) {
    const isOwner = principal.kind === 'account' && principal.userId === 'owner';
    const expected = mayWatchPrivate && !isOwner;
    t.equal(await mayWatch(principal, livestream('private', null), isInvitee), expected, person);
  }
});

t.test('a failed look-up of an invitation is an error and no refusal', async (t) => {
  const isInvitee = () => Promise.reject(new Error('the database is away'));
  await t.rejects(requireWatchable(account('invitee'), livestream('private'), isInvitee), {
    message: /away/,
  });
  await t.resolves(requireWatchable(account('owner'), livestream('private'), isInvitee));
});

t.test('a livestream that is not private may be watched without an account', async (t) => {
  const open = (['public', 'unlisted', 'private'] as const).filter((it) => mayEverybodyWatch(livestream(it)));
  t.same(open, ['public', 'unlisted']);
});
