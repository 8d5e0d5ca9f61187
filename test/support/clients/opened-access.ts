import type { Test } from 'tap';
import type { startAudienceGateway } from '../gateway/audience-gateway.js';
import type { Livestream } from '../gateway/gateway-process.js';
import { until } from '../until.js';
import { HlsViewer } from './hls-viewer.js';
import { WebSocketClient } from './websocket-client.js';

type Gateway = Awaited<ReturnType<typeof startAudienceGateway>>;

/** Limit for everything opened with a permission to end after it, ms. */
export const REVOKED_WITHIN_MS = 1_000;

/** Every kind of access to a private livestream, opened with one credential. */
export class OpenedAccess {
  readonly socket: WebSocketClient;
  readonly token: string;
  readonly #hls: HlsViewer;
  readonly #events: { text: string };
  readonly #gateway: Gateway;
  readonly #whepPath: string;
  packets = 0;

  private constructor(
    gateway: Gateway,
    opened: {
      socket: WebSocketClient;
      token: string;
      hls: HlsViewer;
      events: { text: string };
      path: string;
    },
  ) {
    this.#gateway = gateway;
    this.socket = opened.socket;
    this.token = opened.token;
    this.#hls = opened.hls;
    this.#events = opened.events;
    this.#whepPath = opened.path;
  }

  /** @param offline a private livestream without a broadcast, to wait for. */
  static async open(
    t: Test,
    gateway: Gateway,
    headers: Record<string, string>,
    { live, offline }: { live: Livestream; offline: Livestream },
  ): Promise<OpenedAccess> {
    const { http } = gateway.gateway;
    const { streamId } = live;
    const joined = await fetch(`${http}/api/livestream/${streamId}/join`, { method: 'POST', headers });
    if (!joined.ok) throw new Error(`join: ${joined.status} ${await joined.text()}`);
    const { viewerToken: token } = (await joined.json()) as { viewerToken: string };
    const hls = new HlsViewer(`${live.hls}?v=${token}`);
    t.teardown(() => hls.stop());
    await hls.start();
    const { peer, path } = await gateway.watchByWhep(gateway.peers, live, token);
    const events = { text: '' };
    void readEvents(`${http}${path}/events`, events);
    const socket = new WebSocketClient(t, Number(new URL(http).port), '/ws', headers);
    socket.send('join-livestream', { streamId, viewerToken: token }, 'join');
    socket.send('chat:join', { streamId }, 'chat');
    socket.send('stream:join', { streamId: offline.streamId }, 'wait');
    await until('the socket has joined everything', () =>
      ['join', 'chat', 'wait'].every((wanted) =>
        socket.received.some(({ id, event }) => id === wanted && event !== 'error'),
      ),
    );
    const opened = new OpenedAccess(gateway, { socket, token, hls, events, path });
    peer.onPacket = () => opened.packets++;
    await until('media arrive', () => opened.packets > 0);
    return opened;
  }

  /** Lists the accesses that are still open. */
  async stillOpen(): Promise<string[]> {
    const open: string[] = [];
    if (
      await this.#hls.requestPlaylist().then(
        () => true,
        (error: Error) => !error.message.includes(': 404'),
      )
    )
      open.push('hls');
    if (!this.#events.text.includes('"reason":"dismissed"')) open.push('whep events');
    const session = await this.#gateway.request('POST', `${this.#whepPath}/layer`, {});
    if (session.status < 400) open.push('whep session');
    const received = this.socket.received.map(({ event }) => event);
    if (received.includes('auth:expired')) return open;
    if (!received.includes('livestream:dismissed')) open.push('socket room');
    if (!received.includes('stream:ended')) open.push('wait for a broadcast');
    return open;
  }
}

async function readEvents(url: string, events: { text: string }): Promise<void> {
  try {
    const { body } = await fetch(url);
    const decoder = new TextDecoder();
    for await (const bytes of body ?? [])
      events.text += decoder.decode(bytes as Uint8Array, { stream: true });
  } catch {
    // The gateway was stopped.
  }
}
