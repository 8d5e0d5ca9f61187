import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { AddressQuota, type Clock, type Logger } from '../../platform/index.js';

/** Place of a connection within the limits. It is freed when the socket closes. */
export type ConnectionPlace = {
  /** Has this server serve the connection. */
  serve(): void;
  /** Keeps the place after the socket has closed here. @returns a function that frees it; idempotent */
  keep(): () => void;
};

/** May take a new connection over, from which nothing has been read. @returns false: the server serves it */
export type TakeConnection = (socket: Socket, place: ConnectionPlace) => boolean;

export type ConnectionLimitOptions = {
  /** Concurrent connections per address (IPv6: /64 network). */
  perAddress: number;
  /** Whether an address is a trusted proxy, which carries many clients. */
  isProxy: (address: string) => boolean;
  takeConnection?: TakeConnection;
  clock: Clock;
  log: Logger;
};

/** Refused connections that are answered concurrently; further ones are reset. */
const MAXIMUM_REFUSALS_ANSWERED = 64;
/** Time in ms to send the refusal and discard the client's data. */
const REFUSAL_TIMEOUT_MS = 500;
const LOG_EVERY_MS = 60_000;
const BODY = JSON.stringify({
  error: {
    code: 'too_many_connections',
    message: 'There are too many connections from your address: close some and try again.',
  },
});
const ANSWER =
  'HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; charset=utf-8\r\n' +
  `Content-Length: ${Buffer.byteLength(BODY)}\r\nRetry-After: 5\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n${BODY}`;

/**
 * Limits connections per address, and keeps those that are served elsewhere within `server.maxConnections`, which must be
 * set before. Connections above the limit are refused before anything is parsed: with 503
 * `too_many_connections`, or by a reset when many are refused at once.
 */
export function limitConnections(server: Server, options: ConnectionLimitOptions): void {
  const { perAddress, isProxy, takeConnection, clock, log } = options;
  const share = new AddressQuota(perAddress);
  let answering = 0;
  let loggedAt = Number.NEGATIVE_INFINITY;

  const refuse = (socket: Socket, address: string): void => {
    socket.on('error', () => {});
    const now = clock.monotonic();
    if (now - loggedAt >= LOG_EVERY_MS) {
      loggedAt = now;
      log.warn({ address, perAddress }, 'HTTP connections were refused: an address has its share');
    }
    if (answering >= MAXIMUM_REFUSALS_ANSWERED) {
      socket.destroy();
      return;
    }
    answering++;
    const cancel = clock.after(REFUSAL_TIMEOUT_MS, () => socket.destroy());
    socket.once('close', () => {
      answering--;
      cancel();
    });
    socket.resume();
    socket.end(ANSWER);
  };

  const total = server.maxConnections;
  let elsewhere = 0;
  const setElsewhere = (count: number): void => {
    elsewhere = count;
    // With 0 Node would accept any number.
    server.maxConnections = Math.max(1, total - elsewhere);
  };

  // Replaces Node's listener, which allocates a parser for every connection.
  const listeners = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    let release: () => void = () => {};
    if (!isProxy(address)) {
      const taken = share.take(address);
      if (!taken) return refuse(socket, address);
      release = taken;
    }
    let isKept = false;
    socket.once('close', () => isKept || release());
    const place: ConnectionPlace = {
      serve: () => {
        for (const listener of listeners) listener.call(server, socket);
      },
      keep: () => {
        isKept = true;
        setElsewhere(elsewhere + 1);
        let isHeld = true;
        return () => {
          if (!isHeld) return;
          isHeld = false;
          setElsewhere(elsewhere - 1);
          release();
        };
      },
    };
    if (!takeConnection?.(socket, place)) place.serve();
  });
}
