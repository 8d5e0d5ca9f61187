import t from 'tap';
import { RtcPeers } from '../../support/clients/rtc-peers.js';
import { offerText } from '../../support/clients/webrtc-offer.js';
import { WebSocketClient } from '../../support/clients/websocket-client.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { VIDEO } from '../../support/gateway/webrtc-pool.js';
import { FrameStream } from '../../support/media/rtp/synthetic-rtp.js';
import { until } from '../../support/until.js';

/** Addresses as a proxy reports them. */
const SCHOOL = '203.0.113.5';
const FLOODER = '198.51.100.1';
const NEIGHBOUR = '198.51.100.2';
const PUPILS = 1_000;
/** Viewers with a WebRTC connection; each costs CPU time here, too. */
const WEBRTC_PUPILS = 400;
const CONNECTING = 200;

const gateway = await startGatewayProcess(t, { TRUST_PROXY: '127.0.0.1' });
const peers = await RtcPeers.start();
t.teardown(() => peers.kill());
const livestream = await gateway.createLivestream();
const publisher = await peers.create();

function postOffer(path: string, offer: string, headers: Record<string, string>): Promise<Response> {
  return fetch(`${gateway.http}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/sdp', ...headers },
    body: offer,
  });
}

const view = (offer: string, address: string): Promise<Response> =>
  postOffer(`/whep/${livestream.streamId}`, offer, { 'x-forwarded-for': address });

/** Connects a viewer. @returns the status of the answer to its offer */
async function connectViewer(address: string): Promise<number> {
  const peer = await peers.create({ watches: true });
  const answer = await view(peer.offer, address);
  const body = await answer.text();
  if (answer.status !== 201) return answer.status;
  peer.accept(body);
  await peer.until(() => peer.state === 'connected');
  return 201;
}

t.before(async () => {
  const answer = await postOffer('/whip', publisher.offer, {
    authorization: `Bearer ${livestream.streamKey}`,
  });
  publisher.accept(await answer.text());
  await publisher.until(() => publisher.state === 'connected');
  const frames = new FrameStream({ ...VIDEO, payloadType: 96 });
  // Keeps the publisher from being silent.
  const timer = setInterval(() => publisher.send(...frames.nextFrame(true)), 1_000);
  t.teardown(() => clearInterval(timer));
});

t.test('viewers of one address connect by WebRTC one after the other, and none is refused', async (t) => {
  const statuses: number[] = [];
  let begun = 0;
  const arrive = async (): Promise<void> => {
    while (begun++ < WEBRTC_PUPILS) statuses.push(await connectViewer(SCHOOL));
  };
  await Promise.all(Array.from({ length: CONNECTING / 2 }, arrive));
  t.strictSame([...new Set(statuses)], [201]);
});

t.test('offers of one address that never connect are bounded, and other addresses get in', async (t) => {
  const answers = await Promise.all(
    Array.from({ length: 3 * CONNECTING }, () => view(offerText('chromium-view'), FLOODER)),
  );
  const refused = answers.filter(({ status }) => status === 429);
  const accepted = answers.filter(({ status }) => status === 201);
  t.equal(accepted.length + refused.length, answers.length);
  t.ok(accepted.length >= CONNECTING, `${accepted.length} accepted`);
  t.ok(accepted.length < 2 * CONNECTING, 'more only when the first have timed out');
  for (const { headers } of refused) t.match(headers.get('retry-after'), /^\d+$/);
  t.equal(await connectViewer(NEIGHBOUR), 201, 'a neighbour is accepted');
});

t.test('a thousand viewers of one address join by the API and by sockets', async (t) => {
  const join = async (): Promise<number> => {
    const answer = await fetch(`${gateway.http}/api/livestream/${livestream.streamId}/join`, {
      method: 'POST',
      headers: { 'x-forwarded-for': SCHOOL },
    });
    await answer.arrayBuffer();
    return answer.status;
  };
  const joined = await Promise.all(Array.from({ length: PUPILS }, join));
  t.strictSame([...new Set(joined)], [200]);

  const port = Number(new URL(gateway.http).port);
  const sockets = Array.from(
    { length: PUPILS },
    () => new WebSocketClient(t, port, '/ws', { 'x-forwarded-for': SCHOOL }),
  );
  for (const socket of sockets) socket.send('join-livestream', { streamId: livestream.streamId }, 1);
  await until('every socket has joined', () =>
    sockets.every(({ received }) => received.some(({ id, event }) => id === 1 && event === 'ok')),
  );
});
