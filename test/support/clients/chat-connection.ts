import { io } from 'socket.io-client';
import type { Test } from 'tap';
import { WebSocketClient } from './websocket-client.js';

type Data = Record<string, unknown>;

/** Callbacks of a chat connection. */
export type ChatConnectionEvents = {
  /** Connected or reconnected. */
  connected(): void;
  received(event: string, data: Data): void;
};

/** Connection to the gateway by either transport that reconnects by itself. */
export type ChatConnection = {
  /** @throws RequestRefused; with the code `lost` when the outcome is unknown */
  request(event: string, data: Data): Promise<Data>;
  /** Closes without reconnecting. */
  close(): void;
};

/** Port, credential and client address of a connection. */
export type ChatCredentials = { port: number; token: string; address: string };

export class RequestRefused extends Error {
  readonly code: string;

  constructor(code: string) {
    super(`refused: ${code}`);
    this.code = code;
  }
}

const RECONNECT_DELAY_MS = 100;

/** By `GET /ws`. */
export function connectByWebSocket(
  t: Test,
  { port, token, address }: ChatCredentials,
  events: ChatConnectionEvents,
): ChatConnection {
  type Answer = { resolve: (data: Data) => void; reject: (error: RequestRefused) => void };
  const pendingRequests = new Map<unknown, Answer>();
  let socket: WebSocketClient;
  let closed = false;
  let lastId = 0;
  const connect = (): void => {
    if (closed) return;
    const headers = { authorization: `Bearer ${token}`, 'x-forwarded-for': address };
    socket = new WebSocketClient(t, port, '/ws', headers);
    socket.onMessage = ({ event, data, id }) => {
      const answer = pendingRequests.get(id);
      pendingRequests.delete(id);
      if (!answer) events.received(event, data);
      else if (event === 'error') answer.reject(new RequestRefused(String(data.code)));
      else answer.resolve(data);
    };
    socket.onClose = () => {
      for (const { reject } of pendingRequests.values()) reject(new RequestRefused('lost'));
      pendingRequests.clear();
      setTimeout(connect, RECONNECT_DELAY_MS);
    };
    queueMicrotask(() => events.connected()); // after the caller has the connection
  };
  connect();
  t.teardown(() => {
    closed = true;
  });
  return {
    request: (event, data) =>
      new Promise((resolve, reject) => {
        if (socket.closed) return reject(new RequestRefused('lost'));
        pendingRequests.set(++lastId, { resolve, reject });
        socket.send(event, data, lastId);
      }),
    close: () => {
      closed = true;
      socket.destroy();
    },
  };
}

type SocketIoAnswer = { success: boolean; error?: { code: string } };

/** By Socket.IO's own client, which reconnects by itself. */
export function connectBySocketIo(
  t: Test,
  { port, token, address }: ChatCredentials,
  transports: string[],
  events: ChatConnectionEvents,
): ChatConnection {
  const socket = io(`http://127.0.0.1:${port}`, {
    forceNew: true,
    transports,
    auth: { token },
    extraHeaders: { 'x-forwarded-for': address },
    reconnectionDelay: RECONNECT_DELAY_MS,
    reconnectionDelayMax: 5 * RECONNECT_DELAY_MS,
  });
  t.teardown(() => socket.disconnect());
  socket.on('connect', events.connected);
  socket.onAny((event: string, data: Data) => events.received(event, data));
  return {
    request: (event, data) =>
      new Promise((resolve, reject) => {
        if (!socket.connected) return reject(new RequestRefused('lost'));
        const lost = (): void => reject(new RequestRefused('lost'));
        socket.once('disconnect', lost);
        socket.emit(event, data, (answer: SocketIoAnswer & Data) => {
          socket.off('disconnect', lost);
          if (answer.success) resolve(answer);
          else reject(new RequestRefused(answer.error?.code ?? 'no code'));
        });
      }),
    close: () => socket.disconnect(),
  };
}
