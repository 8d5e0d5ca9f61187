import { io, type Socket } from 'socket.io-client';
import t, { type Test } from 'tap';
import { type PageSession, signInPage } from '../../support/clients/page-session.js';
import { WebSocketClient } from '../../support/clients/websocket-client.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

const UUID = /^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;
const API = '/api/livestream';
const SUCCESS = { status: 200, body: { success: true } };

const gateway = await startGatewayProcess(t, { STUN_URLS: 'stun:127.0.0.1:9' });
const berta = await signInPage(gateway, 'Berta', 'broadcaster');
const vera = await signInPage(gateway, 'Vera');
const walter = await signInPage(gateway, 'Walter');

type Listed = { streams: { id: string }[] };

async function listed(page: PageSession, path: string): Promise<string[]> {
  const { status, body } = await page.request('GET', path);
  if (status !== 200) throw new Error(`${path}: ${status}`);
  return (body as Listed).streams.map(({ id }) => id);
}

/** Records Socket.IO events and waits for them by name. */
function listener(t: Test, page: PageSession) {
  const socket: Socket = io(gateway.http, { forceNew: true, extraHeaders: page.headers });
  t.teardown(() => socket.disconnect());
  const received: { event: string; data: Record<string, unknown> }[] = [];
  socket.onAny((event: string, data: Record<string, unknown>) => received.push({ event, data }));
  const untilEvent = (event: string, fields: Record<string, unknown>): Promise<Record<string, unknown>> =>
    until(`${event} ${JSON.stringify(fields)} in ${JSON.stringify(received)}`, () => {
      const fits = ({ data }: { data: Record<string, unknown> }): boolean =>
        Object.entries(fields).every(([name, value]) => data[name] === value);
      return received.find((message) => message.event === event && fits(message))?.data;
    });
  return { socket, untilEvent };
}

t.test(
  'a platform creates, starts, joins, chats, leaves and ends by the documented HTTP requests',
  async (t) => {
    const create = { title: 'A talk', description: 'About rivers', recordingEnabled: false };
    const made = await berta.request('POST', `${API}/create`, create);
    t.match(made, { status: 201, body: { streamId: UUID, streamKey: String } });
    const { streamId, streamKey } = made.body as { streamId: string; streamKey: string };
    t.match(
      await fetch(`${gateway.http}${API}/${streamId}/start`, { method: 'POST', headers: berta.headers }),
      { status: 403 },
      'a cookie alone changes nothing',
    );
    t.strictSame(await berta.request('POST', `${API}/${streamId}/start`), SUCCESS);
    t.notOk(
      (await listed(vera, `${API}/active?limit=50&offset=0`)).includes(streamId),
      'not live without media',
    );

    const encoder = publish(t, await testMedia(60), `rtmp://127.0.0.1:${gateway.rtmpPort}/live/${streamKey}`);
    await gateway.untilLive({ streamId });
    t.strictSame(await listed(vera, `${API}/active?limit=50&offset=0`), [streamId]);
    t.strictSame(await listed(vera, `${API}/active?limit=50&offset=1`), []);
    t.strictSame(await listed(vera, `${API}/user/${berta.userId}`), [streamId]);
    const live = { id: streamId, userId: berta.userId, ...create, status: 'live' };
    t.match(await vera.request('GET', `${API}/${streamId}`), { status: 200, body: { stream: live } });

    const joined = await vera.request('POST', `${API}/${streamId}/join`);
    const iceServers = [{ urls: ['stun:127.0.0.1:9'] }];
    t.match(joined, { status: 200, body: { success: true, iceServers, viewers: 1 } });
    t.match(await vera.request('GET', `${API}/${streamId}`), { body: { stream: { viewers: { total: 1 } } } });

    const posted = await vera.request('POST', `${API}/${streamId}/chat`, { message: 'Hello <b>all</b>' });
    t.match(posted, { status: 201, body: { success: true, messageId: UUID } });
    const answered = await berta.request('POST', `${API}/${streamId}/chat`, { message: 'Welcome' });
    const first = {
      id: posted.body.messageId,
      userId: vera.userId,
      name: 'Vera',
      message: 'Hello <b>all</b>',
    };
    const second = { id: answered.body.messageId, userId: berta.userId, badge: 'broadcaster' };
    const chat = `${API}/${streamId}/chat`;
    t.match(await walter.request('GET', `${chat}?limit=100&offset=0`), {
      status: 200,
      body: { messages: [first, second] },
    });
    const page = (await walter.request('GET', `${chat}?limit=1&offset=1`)).body as { messages: object[] };
    t.match(page, { messages: [first] });
    t.equal(page.messages.length, 1);

    t.strictSame(await vera.request('POST', `${API}/${streamId}/leave`), SUCCESS);
    await until('the viewer no longer counts', async () => {
      const { viewers } = (await vera.request('GET', `${API}/${streamId}/viewers`)).body as {
        viewers: { total: number };
      };
      return viewers.total === 0;
    });

    t.match(
      await vera.request('POST', `${API}/${streamId}/end`, {}),
      { status: 403 },
      'a livestream of another user',
    );
    const recordingUrl = 'https://recordings.example.test/1.mp4';
    t.strictSame(await berta.request('POST', `${API}/${streamId}/end`, { recordingUrl }), SUCCESS);
    await encoder.ended;
    t.match(await vera.request('GET', `${API}/${streamId}`), {
      body: { stream: { status: 'ended', recordingUrl } },
    });
    await until('the number of viewers is stored', async () => {
      const { stream } = (await vera.request('GET', `${API}/${streamId}`)).body as {
        stream: { viewerCountPeak: number };
      };
      return stream.viewerCountPeak === 1;
    });
    t.strictSame(await listed(vera, `${API}/active`), []);
    t.strictSame(await listed(vera, `${API}/user/${berta.userId}`), [streamId]);
  },
);

t.test('the same flow works with Socket.IO and /ws side by side', async (t) => {
  const create = { title: 'Another talk', description: '', recordingEnabled: false };
  const { streamId, streamKey } = (await berta.request('POST', `${API}/create`, create)).body as {
    streamId: string;
    streamKey: string;
  };
  const { socket, untilEvent } = listener(t, vera);
  t.match(await socket.emitWithAck('join-livestream', { streamId }), {
    success: true,
    streamId,
    viewerToken: String,
    viewers: 1,
    state: 'offline',
  });
  const port = Number(new URL(gateway.http).port);
  const fromPublicAddress = { ...walter.headers, origin: `http://localhost:${port}` };
  const other = new WebSocketClient(t, port, '/ws', fromPublicAddress);
  other.send('join-livestream', { streamId }, 'join');
  t.match(await other.next('ok'), { id: 'join', data: { streamId, viewers: 2 } });
  t.match(await other.next('chat:history'), { data: { streamId, messages: [], more: false } });
  await untilEvent('viewers:count', { streamId, viewers: 2 });

  const posted = await socket.emitWithAck('chat:send', { streamId, message: 'Hello' });
  t.match(posted, { success: true, messageId: UUID });
  const { messageId } = posted;
  const expected = { id: messageId, streamId, userId: vera.userId, name: 'Vera', message: 'Hello' };
  t.match(await other.next('chat:message'), { data: expected });
  t.match(await untilEvent('chat:message', { id: messageId }), expected, 'with the name of the author');
  other.send('chat:send', { streamId, message: 'Hello Vera' }, 7);
  const acknowledged = await other.next('ok');
  t.match(acknowledged, { id: 7, data: { messageId: UUID } });
  t.match(await untilEvent('chat:message', { message: 'Hello Vera' }), {
    id: acknowledged.data.messageId,
    userId: walter.userId,
  });
  t.match(await socket.emitWithAck('chat:send', { streamId, message: ' ' }), {
    success: false,
    error: { code: 'message_empty', message: String },
  });
  other.send('chat:send', { streamId: 'nonsense', message: 'Hello' }, 8);
  t.match(await other.next('error'), { id: 8, data: { code: 'stream_not_found', message: String } });
  t.match(await socket.emitWithAck('chat:history', { streamId, limit: 50 }), {
    success: true,
    messages: [{ id: messageId }, { id: acknowledged.data.messageId }],
  });

  const url = `rtmp://127.0.0.1:${gateway.rtmpPort}/live/${streamKey}`;
  const encoder = publish(t, await testMedia(60), url);
  await untilEvent('stream:state', { streamId, state: 'live' });
  t.match(await other.next('stream:state'), { data: { streamId, state: 'live' } });
  await encoder.stop('SIGKILL');
  t.match(await untilEvent('stream:state', { streamId, state: 'reconnecting' }), { until: Number });
  t.match(await other.next('stream:state'), { data: { state: 'reconnecting' } });

  other.send('leave-livestream', { streamId }, 'leave');
  t.match(await other.next('ok'), { id: 'leave' });
  await untilEvent('viewers:count', { streamId, viewers: 1 });
  t.strictSame(await berta.request('POST', `${API}/${streamId}/end`), SUCCESS);
  const ended = { streamId, state: 'ended' };
  t.match(await untilEvent('stream:state', ended), { reason: 'ended-by-owner', message: String });
  await socket.emitWithAck('chat:send', { streamId, message: 'Goodbye' });
  t.notOk(
    other.received.some(({ data }) => data.state === 'ended' || data.message === 'Goodbye'),
    'a client that has left gets no messages',
  );
  socket.disconnect();
  await until('the room is empty', async () => {
    const { viewers } = (await berta.request('GET', `${API}/${streamId}/viewers`)).body as {
      viewers: { total: number };
    };
    return viewers.total === 0;
  });
});
