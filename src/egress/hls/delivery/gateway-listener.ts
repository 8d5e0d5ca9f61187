import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { type Logger, makeSocketFolder } from '../../../platform/index.js';
import { PEER_ADDRESS_HEADER } from './messages.js';

/** The gateway's HTTP server, as far as delivery needs it. */
export type ServedRequests = {
  request(request: IncomingMessage, response: ServerResponse): void;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
};

export type GatewayListener = {
  readonly socketPath: string;
  /** Closes every connection. */
  close(): Promise<void>;
};

/** Pending connections: each first request of many clients at once needs one. */
const BACKLOG = 4_096;

/**
 * Opens the gateway's Unix socket for delivery processes, in a folder that other users cannot enter. Requests that come by
 * it have the client's address from the delivery process's header, which is believed here only.
 */
export async function listenForDelivery(requests: ServedRequests, log: Logger): Promise<GatewayListener> {
  const folder = await makeSocketFolder('hls', log);
  const server = createServer((request, response) => {
    takePeerAddress(request);
    requests.request(request, response);
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    takePeerAddress(request);
    requests.upgrade(request, socket, head);
  });
  // The delivery process has the timeouts of clients, and decides which connections it keeps.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  const socketPath = path.join(folder, 'gateway');
  server.listen({ path: socketPath, backlog: BACKLOG });
  await once(server, 'listening');
  return {
    socketPath,
    close: async () => {
      server.closeAllConnections();
      const closed = once(server, 'close');
      server.close();
      await closed;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Gives the connection the address of the client of its current request, as a direct connection of it has. */
function takePeerAddress({ headers, socket }: IncomingMessage): void {
  const address = headers[PEER_ADDRESS_HEADER];
  delete headers[PEER_ADDRESS_HEADER];
  Object.defineProperty(socket, 'remoteAddress', { value: address, configurable: true });
}
