import { io } from 'socket.io-client';
import type { Test } from 'tap';
import { WebSocketClient } from './websocket-client.js';

type Data = Record<string, unknown>;

/** What a line tells of itself, and of what comes over it. */
export type LineEvents = {
  /** Connected, be it again. */
  up(): void;
  heard(event: string, data: Data): void;
};

/** A connection to the gateway that comes back by itself whenever it is lost, whatever it speaks. */
export type ChatLine = {
  /** @throws Refused; with the code `lost` when it is not known whether it was done */
  ask(event: string, data: Data): Promise<Data>;
  /** For good. */
  close(): void;
};

/** Where a line leads and who speaks: each speaks from an address of their own. */
export type Caller = { port: number; token: string; address: string };

export class Refused extends Error {
  readonly code: string;

  constructor(code: string) {
    super(`refused: ${code}`);
    this.code = code;
  }
}

const AGAIN_MS = 100;

/** By `GET /ws`. */
export function webSocketLine(t: Test, { port, token, address }: Caller, events: LineEvents): ChatLine {
  type Answer = { resolve: (data: Data) => void; reject: (error: Refused) => void };
  const asked = new Map<unknown, Answer>();
  let socket: WebSocketClient;
  let closed = false;
  let lastId = 0;
  const dial = (): void => {
    if (closed) return;
    const headers = { authorization: `Bearer ${token}`, 'x-forwarded-for': address };
    socket = new WebSocketClient(t, port, '/ws', headers);
    socket.heard = ({ event, data, id }) => {
      const answer = asked.get(id);
      asked.delete(id);
      if (!answer) events.heard(event, data);
      else if (event === 'error') answer.reject(new Refused(String(data.code)));
      else answer.resolve(data);
    };
    socket.lost = () => {
      for (const { reject } of asked.values()) reject(new Refused('lost'));
      asked.clear();
      setTimeout(dial, AGAIN_MS);
    };
    queueMicrotask(() => events.up()); // when whoever dials has the line in hand
  };
  dial();
  t.teardown(() => {
    closed = true;
  });
  return {
    ask: (event, data) =>
      new Promise((resolve, reject) => {
        if (socket.closed) return reject(new Refused('lost'));
        asked.set(++lastId, { resolve, reject });
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
export function socketIoLine(
  t: Test,
  { port, token, address }: Caller,
  transports: string[],
  events: LineEvents,
): ChatLine {
  const socket = io(`http://127.0.0.1:${port}`, {
    forceNew: true,
    transports,
    auth: { token },
    extraHeaders: { 'x-forwarded-for': address },
    reconnectionDelay: AGAIN_MS,
    reconnectionDelayMax: 5 * AGAIN_MS,
  });
  t.teardown(() => socket.disconnect());
  socket.on('connect', events.up);
  socket.onAny((event: string, data: Data) => events.heard(event, data));
  return {
    ask: (event, data) =>
      new Promise((resolve, reject) => {
        if (!socket.connected) return reject(new Refused('lost'));
        const lost = (): void => reject(new Refused('lost'));
        socket.once('disconnect', lost);
        socket.emit(event, data, (answer: SocketIoAnswer & Data) => {
          socket.off('disconnect', lost);
          if (answer.success) resolve(answer);
          else reject(new Refused(answer.error?.code ?? 'nothing said'));
        });
      }),
    close: () => socket.disconnect(),
  };
}
