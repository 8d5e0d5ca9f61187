import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import type { Authenticate } from '../../src/accounts/index.js';
import { chatRoutes, createGuards, viewerRoutes } from '../../src/api/index.js';
import { Audience } from '../../src/audience/index.js';
import { createChat } from '../../src/chat/index.js';
import { newId } from '../../src/platform/index.js';
import { FakeSocketHub } from '../support/fakes/fake-socket-hub.js';
import { account, fakeIdentities } from '../support/fixtures/audience-fixture.js';
import { authenticateByName, openLivestreamApi } from '../support/fixtures/livestream-api-fixture.js';
import { recordLog } from '../support/fixtures/log-record.js';

/** Kinds of people, by bearer token (undefined: none), and whether they may watch Anna's private livestreams. */
const PEOPLE: [person: string, token: string | undefined, mayWatchPrivate: boolean][] = [
  ['somebody without credentials', undefined, false],
  ['an account', 'stranger', false],
  ['another broadcaster', 'boris', false],
  ['a moderator who is not invited', 'moderator', false],
  ['an invitee', 'vera', true],
  ['the owner', 'anna', true],
  ['an admin', 'ada', true],
  ['the operator', 'operator', true],
];
/** The same for requests with nothing but a viewer token, by the account that it was given to. */
const VIEWER_TOKENS = PEOPLE.filter(([, token]) => token !== 'operator');

const KINDS = ['public', 'unlisted', 'private', 'ended public', 'ended private', 'unknown'] as const;
type Kind = (typeof KINDS)[number];

const authenticate: Authenticate = async (credentials) => {
  const name = credentials.authorization?.replace(/^Bearer /, '');
  return name === 'stranger' || name === 'moderator' ? account(name) : await authenticateByName(credentials);
};

function isAllowed(kind: Kind, mayWatchPrivate: boolean): boolean {
  return kind !== 'unknown' && (!kind.endsWith('private') || mayWatchPrivate);
}

/** The API with audience and chat on one database, and a livestream of each kind. */
async function openDoors(t: Test) {
  const guards = createGuards({ authenticate });
  const api = await openLivestreamApi(t, {
    guards,
    registerFurtherRoutes: async (scope) => {
      const iceServers = { list: () => [] };
      await scope.register(viewerRoutes, { audience, authenticate, guards, iceServers, clock: api.clock });
      await scope.register(chatRoutes, { chat, guards });
    },
  });
  const { sql, livestreams, streams, clock } = api;
  const { log } = recordLog();
  const hub = new FakeSocketHub();
  const audience = new Audience({
    sql,
    livestreams,
    streams,
    authenticate,
    identities: fakeIdentities().identities,
    secret: randomBytes(32),
    hub,
    clock,
    log,
  });
  await audience.start();
  t.teardown(() => audience.close());
  const chat = createChat({
    sql,
    hub,
    livestreams,
    isFollowing: async () => false,
    isAdminAccount: async () => false,
    addressSecret: randomBytes(32),
    clock,
    log,
  });
  await chat.start();
  t.teardown(() => chat.close());

  const ask = async (
    method: 'GET' | 'POST' | 'PUT' | 'PATCH',
    path: string,
    token?: string,
    body?: object,
  ) => {
    const answer = await api.app.inject({
      method,
      url: `/api/livestream/${path}`,
      ...(body ? { payload: body } : {}),
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });
    return { status: answer.statusCode, body: answer.body };
  };
  const must = async (...request: Parameters<typeof ask>): Promise<string> => {
    const { status, body } = await ask(...request);
    if (status >= 300) throw new Error(`${request.slice(0, 2).join(' ')}: ${status} ${body}`);
    return body;
  };

  const ids = {} as Record<Kind, string>;
  /** Viewer tokens, given while the livestreams were public, by livestream and account. */
  const viewerTokens = new Map<string, string>();
  for (const kind of KINDS) {
    const id = (ids[kind] = await api.create());
    await must('PUT', `${id}/guests/vera`, 'anna');
    await must('PUT', `${id}/chat/moderators/moderator`, 'anna');
    for (const [, token] of VIEWER_TOKENS)
      viewerTokens.set(`${id} ${token}`, JSON.parse(await must('POST', `${id}/join`, token)).viewerToken);
    if (kind.startsWith('ended')) await must('POST', `${id}/end`, 'anna');
    const visibility = kind.split(' ').at(-1);
    if (visibility !== 'public' && visibility !== 'unknown')
      await must('PATCH', `${id}`, 'anna', { visibility });
  }
  await streams.remove(ids.unknown);
  return { ask, audience, ids, viewerTokens };
}

t.test('the API, the audience and the chat answer alike to everybody who asks', async (t) => {
  const { ask, ids } = await openDoors(t);
  const doors = [
    ['GET', ''],
    ['POST', '/join'],
    ['GET', '/viewers'],
    ['GET', '/chat'],
  ] as const;
  const never = newId();
  for (const [method, path] of doors) {
    const unknown = await ask(method, `${never}${path}`);
    t.match(unknown, { status: 404, body: /"stream_not_found"/ }, `${method} ${path}`);
    for (const [person, token, mayWatchPrivate] of PEOPLE)
      for (const kind of KINDS) {
        const answer = await ask(method, `${ids[kind]}${path}`, token);
        const what = `${person}: ${method} ${path} of ${kind}`;
        if (isAllowed(kind, mayWatchPrivate)) t.equal(answer.status, 200, what);
        else t.same(answer, unknown, what);
      }
  }
});

t.test('a viewer token permits what its account is permitted now', async (t) => {
  const { ask, audience, ids, viewerTokens } = await openDoors(t);
  for (const [person, token, mayWatchPrivate] of VIEWER_TOKENS)
    for (const kind of KINDS) {
      const streamId = ids[kind];
      const viewerToken = viewerTokens.get(`${streamId} ${token}`) ?? '';
      const expected = isAllowed(kind, mayWatchPrivate);
      const joined = await ask('POST', `${streamId}/join`, undefined, { viewerToken });
      t.equal(joined.status, expected ? 200 : 404, `viewer token of ${person}: joins ${kind}`);

      const request = { streamId, token: viewerToken, address: '192.0.2.1' };
      const playlist = audience.admitPlaylistRequest(request, 'll-hls');
      const what = `viewer token of ${person}: playlist of ${kind}`;
      if (expected) t.equal(await playlist, kind.endsWith('private') ? 'invited' : 'everybody', what);
      else await t.rejects(playlist, { status: 404, code: 'stream_not_found' }, what);
    }
});
