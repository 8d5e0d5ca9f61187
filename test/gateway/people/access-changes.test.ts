import t, { type Test } from 'tap';
import { HlsViewer } from '../../support/clients/hls-viewer.js';
import { OpenedAccess, REVOKED_WITHIN_MS } from '../../support/clients/opened-access.js';
import { PASSWORD, PageSession, signInPage } from '../../support/clients/page-session.js';
import { WebSocketClient } from '../../support/clients/websocket-client.js';
import { startAudienceGateway } from '../../support/gateway/audience-gateway.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

const fixture = await startAudienceGateway(t);
const { gateway, request, requestAsOperator, publishLivestream: goLive } = fixture;
const port = Number(new URL(gateway.http).port);

type Invitee = { page: PageSession; headers: Record<string, string>; credentialId: string };

const live = await goLive(t, 240);
const offline = await gateway.createLivestream();
for (const { streamId } of [live, offline])
  await requestAsOperator('PATCH', `/api/livestream/${streamId}`, { visibility: 'private' });

async function invite(userId: string): Promise<void> {
  for (const { streamId } of [live, offline])
    await requestAsOperator('PUT', `/api/livestream/${streamId}/guests/${userId}`);
}

async function signIn(name: string): Promise<PageSession> {
  const login = await fetch(`${gateway.http}/api/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, password: PASSWORD }),
  });
  const { user, csrfToken } = (await login.json()) as {
    user: { id: string; name: string };
    csrfToken: string;
  };
  const cookie = login.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  return new PageSession(gateway, user, { cookie, csrfToken });
}

/** Invitee of the private livestreams, with a session or an access token. */
async function createInvitee(
  name: string,
  { role = 'viewer' as 'viewer' | 'admin', by = 'session' as 'session' | 'token' } = {},
): Promise<Invitee> {
  const page = await signInPage(gateway, name, role);
  if (role === 'viewer') await invite(page.userId);
  if (by === 'token') {
    const { body } = await page.request('POST', '/api/auth/tokens', { label: 'test' });
    const { token, secret } = body as { token: { id: string }; secret: string };
    return { page, headers: { authorization: `Bearer ${secret}` }, credentialId: token.id };
  }
  const { body } = await page.request('GET', '/api/auth/sessions');
  const [session] = body.sessions as { id: string }[];
  return { page, headers: { cookie: page.headers.cookie }, credentialId: session?.id ?? '' };
}

const account = (userId: string) => `/api/auth/accounts/${userId}`;
const CHANGES: [
  change: string,
  as: Parameters<typeof createInvitee>[1],
  make: (invitee: Invitee) => Promise<{ status: number }>,
][] = [
  [
    'an invitee is removed',
    {},
    async ({ page: { userId } }) => {
      await requestAsOperator('DELETE', `/api/livestream/${offline.streamId}/guests/${userId}`);
      return await requestAsOperator('DELETE', `/api/livestream/${live.streamId}/guests/${userId}`);
    },
  ],
  [
    'an admin is demoted',
    { role: 'admin' },
    ({ page }) => requestAsOperator('PATCH', account(page.userId), { role: 'viewer' }),
  ],
  [
    'an account is disabled',
    {},
    ({ page }) => requestAsOperator('PATCH', account(page.userId), { disabled: true }),
  ],
  ['an account is deleted', {}, ({ page }) => requestAsOperator('DELETE', account(page.userId))],
  [
    'a session is revoked by another one',
    {},
    async ({ page, credentialId }) =>
      (await signIn(page.name)).request('DELETE', `/api/auth/sessions/${credentialId}`),
  ],
  [
    'an access token is revoked',
    { by: 'token' },
    ({ page, credentialId }) => page.request('DELETE', `/api/auth/tokens/${credentialId}`),
  ],
  [
    'the password of the account is changed by its owner',
    { by: 'token' },
    ({ page }) =>
      page.request('POST', '/api/auth/password', { current: PASSWORD, password: 'staple of horses' }),
  ],
];

async function endsWithin(t: Test, opened: OpenedAccess, ms: number): Promise<void> {
  let open: string[] = ['unknown'];
  for (const end = Date.now() + ms; open.length > 0 && Date.now() < end; ) open = await opened.stillOpen();
  t.strictSame(open, [], `everything ended within ${ms} ms`);
  const { packets } = opened;
  await new Promise((resolve) => setTimeout(resolve, 500));
  t.equal(opened.packets, packets, 'no media arrive by WebRTC');
}

for (const [index, [change, as, make]] of CHANGES.entries())
  t.test(`when ${change}, all that was opened by it ends within a second`, async (t) => {
    const invitee = await createInvitee(`Person ${index}`, as);
    const opened = await OpenedAccess.open(t, fixture, invitee.headers, { live, offline });
    t.equal((await make(invitee)).status, 200);
    await endsWithin(t, opened, REVOKED_WITHIN_MS);
  });

t.test(
  'a livestream that is made private ends for viewers who are not invited, also while they wait',
  async (t) => {
    const page = await signInPage(gateway, 'Stranger');
    const rooms = [live, offline].map(({ streamId }) => `/api/livestream/${streamId}`);
    for (const room of rooms) await requestAsOperator('PATCH', room, { visibility: 'public' });
    const opened = await OpenedAccess.open(t, fixture, { cookie: page.headers.cookie }, { live, offline });
    for (const room of rooms.reverse()) await requestAsOperator('PATCH', room, { visibility: 'private' });
    await endsWithin(t, opened, REVOKED_WITHIN_MS);
  },
);

t.test('a session that is revoked ends its own sockets and viewers, not those of another', async (t) => {
  const { page, credentialId, headers } = await createInvitee('Twice');
  const other = await signIn('Twice');
  const [revoked, kept] = [
    await OpenedAccess.open(t, fixture, headers, { live, offline }),
    await OpenedAccess.open(t, fixture, { cookie: other.headers.cookie }, { live, offline }),
  ];
  t.equal((await other.request('DELETE', `/api/auth/sessions/${credentialId}`)).status, 200);
  await endsWithin(t, revoked, REVOKED_WITHIN_MS);
  t.match(await page.request('GET', '/api/auth/me'), { body: { user: null } });
  t.notOk(kept.socket.closed, 'the socket of the other session stays open');
  const { packets } = kept;
  await until('its media continue', () => kept.packets > packets);
  const player = new HlsViewer(`${live.hls}?v=${kept.token}`);
  t.teardown(() => player.stop());
  await player.start();
  t.pass('playlists go on');
});

t.test('access tokens outlive a change of the password where the owner asks for it', async (t) => {
  const { page, headers } = await createInvitee('Keeper', { by: 'token' });
  const change = { current: PASSWORD, password: 'staple of horses', keepTokens: true };
  t.equal((await page.request('POST', '/api/auth/password', change)).status, 200);
  const me = async (by: Record<string, string>) =>
    (await (await fetch(`${gateway.http}/api/auth/me`, { headers: by })).json()) as { user: unknown };
  t.match(await me(headers), { user: { name: 'Keeper' } });
  t.match(await me({ cookie: page.headers.cookie }), { user: { name: 'Keeper' } }, 'its own session is kept');
});

t.test('a blocked playlist reload of an invitee who is removed meanwhile gets 404', async (t) => {
  const { page, headers } = await createInvitee('Blocked');
  const join = await fetch(`${gateway.http}/api/livestream/${live.streamId}/join`, {
    method: 'POST',
    headers,
  });
  const { viewerToken } = (await join.json()) as { viewerToken: string };
  const multivariant = await request('GET', `${new URL(live.hls).pathname}?v=${viewerToken}`);
  const line = String(multivariant.body.text)
    .split('\n')
    .find((text) => /^[^#]/.test(text));
  const url = new URL(line ?? 'none', live.hls);
  const playlist = await (await fetch(url)).text();
  const first = Number(/MEDIA-SEQUENCE:(\d+)/.exec(playlist)?.[1]);
  url.searchParams.set('_HLS_msn', String(first + [...playlist.matchAll(/#EXTINF/g)].length + 1));
  let answered = false;
  const blocked = fetch(url).finally(() => {
    answered = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  t.notOk(answered, 'the request is blocked');
  await requestAsOperator('DELETE', `/api/livestream/${live.streamId}/guests/${page.userId}`);
  t.equal((await blocked).status, 404);
});

t.test('an invitee who was removed while waiting for the broadcast is offered nothing', async (t) => {
  const later = await gateway.createLivestream();
  const path = `/api/livestream/${later.streamId}`;
  await requestAsOperator('PATCH', path, { visibility: 'private' });
  const [removed, remaining] = [await signInPage(gateway, 'Removed'), await signInPage(gateway, 'Stays')];
  const sockets = [];
  for (const { userId, headers } of [removed, remaining]) {
    await requestAsOperator('PUT', `${path}/guests/${userId}`);
    const socket = new WebSocketClient(t, port, '/ws', { cookie: headers.cookie });
    socket.send('stream:join', { streamId: later.streamId }, 'wait');
    await socket.next('stream:joined');
    sockets.push(socket);
  }
  await requestAsOperator('DELETE', `${path}/guests/${removed.userId}`);
  t.match(await sockets[0]?.next('stream:ended'), { data: { reason: 'dismissed', reconnect: false } });
  publish(t, await testMedia(60, { size: '320x180', rate: '10', bitrate: '100k' }), later.rtmp);
  await sockets[1]?.next('stream:offer');
  await new Promise((resolve) => setTimeout(resolve, 500));
  const events = sockets[0]?.received.map(({ event }) => event) ?? [];
  t.notOk(events.includes('stream:offer') || events.includes('stream:state'), `events: ${events}`);
});
