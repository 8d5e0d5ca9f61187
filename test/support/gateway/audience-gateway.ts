import type { Test } from 'tap';
import { type RtcPeer, RtcPeers } from '../clients/rtc-peers.js';
import { WebSocketClient } from '../clients/websocket-client.js';
import { testDatabase } from '../fixtures/database.js';
import { publish, testMedia } from '../media/encoder.js';
import { until } from '../until.js';
import { type Livestream, OPERATOR_TOKEN, startGatewayProcess } from './gateway-process.js';

/** Small video: viewers are counted here, not frames. */
const SMALL_VIDEO = { size: '320x180', rate: '10', bitrate: '100k' };
/** Time that a count must stay unchanged, ms: every player requests a playlist once meanwhile. */
export const UNCHANGED_FOR_MS = 3_000;

export type WhepViewer = { peer: RtcPeer; path: string };
type Counts = { total: number; byProtocol: { whep: number; 'll-hls': number; hls: number; dash: number } };
type Answer = { status: number; body: Record<string, unknown>; headers: Headers };

/** Starts a gateway process and gives its test viewers by HLS, WHEP and socket. */
export async function startAudienceGateway(t: Test) {
  const { sql, url } = await testDatabase(t);
  const gateway = await startGatewayProcess(t, { DATABASE_URL: url, LADDER: '180:100k' });
  const peers = await RtcPeers.start();
  t.teardown(() => peers.kill());

  async function request(method: string, path: string, body?: unknown, token?: string): Promise<Answer> {
    const isText = typeof body === 'string';
    const response = await fetch(`${gateway.http}${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': isText ? 'application/sdp' : 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    return { status: response.status, body: isJson ? JSON.parse(text) : { text }, headers: response.headers };
  }

  const requestAsOperator = (method: string, path: string, body?: unknown) =>
    request(method, path, body, OPERATOR_TOKEN);

  async function viewerCounts({ streamId }: Livestream): Promise<Counts> {
    return (await gateway.api<{ viewers: Counts }>('GET', `/${streamId}/viewers`)).viewers;
  }

  /** Waits for a viewer count, by the API and on a socket, and asserts that it stays. */
  async function assertViewerCount(
    t: Test,
    livestream: Livestream,
    total: number,
    socket: WebSocketClient,
    description: string,
  ) {
    // The join acknowledgement counts too: unchanged counts are not sent again.
    const countOnSocket = (): unknown =>
      socket.received.findLast(({ data }) => 'viewers' in data)?.data.viewers;
    await until(
      `${total} viewers: ${description}`,
      async () => (await viewerCounts(livestream)).total === total,
      60_000,
    );
    await until(`every client gets the count ${total}`, () => countOnSocket() === total);
    const seen = new Set<unknown>();
    for (const end = Date.now() + UNCHANGED_FOR_MS; Date.now() < end; ) {
      seen.add((await viewerCounts(livestream)).total).add(countOnSocket());
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    t.same([...seen], [total], description);
  }

  function joinBySocket(t: Test, { streamId }: Livestream, token?: string): WebSocketClient {
    const socket = new WebSocketClient(t, Number(new URL(gateway.http).port));
    socket.send(
      'join-livestream',
      { streamId, ...(token === undefined ? {} : { viewerToken: token }) },
      'join',
    );
    return socket;
  }

  async function viewerTokenOf(socket: WebSocketClient): Promise<string> {
    return String((await socket.next('ok')).data.viewerToken);
  }

  /** Watches by WHEP through a real connection. */
  async function watchByWhep(peers: RtcPeers, { streamId }: Livestream, token?: string): Promise<WhepViewer> {
    const peer = await peers.create({ watches: true });
    const query = token === undefined ? '' : `?v=${token}`;
    const answer = await request('POST', `/whep/${streamId}${query}`, peer.offer);
    if (answer.status !== 201) throw new Error(`WHEP: ${answer.status} ${JSON.stringify(answer.body)}`);
    peer.accept(String(answer.body.text));
    await peer.until(() => peer.received.length > 0);
    return { peer, path: answer.headers.get('location') ?? '' };
  }

  async function publishLivestream(t: Test, durationS: number): Promise<Livestream> {
    const livestream = await gateway.createLivestream();
    publish(t, await testMedia(durationS, SMALL_VIDEO), livestream.rtmp);
    await gateway.untilLive(livestream);
    return livestream;
  }

  return {
    sql,
    gateway,
    peers,
    request,
    requestAsOperator,
    viewerCounts,
    assertViewerCount,
    joinBySocket,
    viewerTokenOf,
    watchByWhep,
    publishLivestream,
  };
}
