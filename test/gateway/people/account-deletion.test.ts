import t from 'tap';
import { PASSWORD, signInPage } from '../../support/clients/page-session.js';
import { WebSocketClient } from '../../support/clients/websocket-client.js';
import { OPERATOR_TOKEN, startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

const API = '/api/livestream';
const SUCCESS = { status: 200, body: { success: true } };
const operator = { authorization: `Bearer ${OPERATOR_TOKEN}`, 'content-type': 'application/json' };

t.test('deleting an account deletes its livestreams and keys and frees its name', async (t) => {
  const gateway = await startGatewayProcess(t, { STUN_URLS: 'off' });
  const host = await signInPage(gateway, 'Host', 'broadcaster');
  const dora = await signInPage(gateway, 'Dora', 'broadcaster');
  const carl = await signInPage(gateway, 'Carl');
  const create = async (page: typeof host, more = {}) => {
    const { body } = await page.request('POST', `${API}/create`, { title: 'A talk', ...more });
    return body as { streamId: string; streamKey: string };
  };
  const livestream = await create(host);
  const hidden = await create(host, { visibility: 'private' });
  const own = await create(dora);
  const chat = `${API}/${livestream.streamId}/chat`;
  await host.request('PUT', `${API}/${hidden.streamId}/guests/${dora.userId}`);
  await dora.request('PUT', `/api/users/${host.userId}/follow`);
  await dora.request('POST', chat, { message: 'Dora was here' });
  await carl.request('POST', chat, { message: 'Carl was here' });
  await dora.request('POST', `${API}/${own.streamId}/join`);

  const leave = (page: typeof host, body: object) => page.request('DELETE', '/api/auth/me', body);
  t.match(await leave(dora, { password: 'wrong' }), {
    status: 403,
    body: { error: { code: 'password_wrong' } },
  });
  t.match(await leave(dora, {}), { status: 400, body: { error: { code: 'validation_failed' } } });
  const cookieAlone = await fetch(`${gateway.http}/api/auth/me`, {
    method: 'DELETE',
    headers: { ...dora.headers, 'content-type': 'application/json' },
    body: JSON.stringify({ password: PASSWORD }),
  });
  t.equal(cookieAlone.status, 403, 'not without its CSRF token');
  t.match(await (await fetch(`${gateway.http}/api/auth/me`, { method: 'DELETE' })).json(), {
    error: { code: 'not_signed_in' },
  });

  const rtmp = `rtmp://127.0.0.1:${gateway.rtmpPort}/live/${own.streamKey}`;
  publish(t, await testMedia(60), rtmp);
  await gateway.untilLive(own);
  const busy = { status: 409, body: { error: { code: 'stream_under_way' } } };
  t.match(await leave(dora, { password: PASSWORD }), busy);
  t.match(await dora.request('POST', `${API}/${own.streamId}/end`, {}), SUCCESS);

  const port = Number(new URL(gateway.http).port);
  const fromPublicAddress = { ...dora.headers, origin: `http://localhost:${port}` };
  const socket = new WebSocketClient(t, port, '/ws', fromPublicAddress);
  socket.send('join-livestream', { streamId: livestream.streamId }, 1);
  await socket.next('ok');
  t.match(await leave(dora, { password: PASSWORD }), SUCCESS);
  t.match(await socket.next('auth:expired'), { data: { code: 'auth_revoked' } });
  await socket.untilClosed();

  t.match(await host.request('GET', `${API}/${own.streamId}`), { status: 404 });
  const audited = await until('the deletion is audited', async () => {
    const answer = await fetch(`${gateway.http}/api/admin/audit`, { headers: operator });
    const { entries } = (await answer.json()) as { entries: { action: string }[] };
    return entries.some(({ action }) => action === 'account.delete-own') && entries;
  });
  t.notMatch(JSON.stringify(audited), dora.userId, 'the audit log does not name the person');
  t.strictSame((await host.request('GET', `${API}/user/${dora.userId}`)).body, { streams: [] });
  t.match(await dora.request('GET', '/api/auth/me'), { body: { user: null } });
  t.match(await host.request('GET', `${API}/${hidden.streamId}/guests`), { body: { guests: [] } });
  const messages = async () =>
    (await host.request('GET', chat)).body.messages as { userId: string; name: string }[];
  t.match(await messages(), [
    { name: 'Deleted account', userId: /^deleted:/, message: 'Dora was here' },
    { name: 'Carl', message: 'Carl was here' },
  ]);
  const gone = await fetch(`${gateway.http}/whip`, {
    method: 'POST',
    headers: { authorization: `Bearer ${own.streamKey}`, 'content-type': 'application/sdp' },
    body: 'v=0',
  });
  t.ok([400, 401].includes(gone.status), 'its key is refused');

  const remove = (id: string, body = {}) =>
    fetch(`${gateway.http}/api/auth/accounts/${id}`, {
      method: 'DELETE',
      headers: operator,
      body: JSON.stringify(body),
    });
  t.equal((await remove(dora.userId)).status, 404);
  t.equal((await remove(carl.userId, { purgeMessages: true })).status, 200);
  await until('its messages are deleted', async () => (await messages()).length === 1);
  t.match(await signInPage(gateway, 'Dora'), { name: 'Dora' }, 'the name is available');
});
