import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

export type Upgrade = { socket: Socket; head: Buffer };

export type UpgradePaths = {
  /** Path that the WebSocket plugin serves. */
  plugin: string;
  /** Path whose route may take the connection by `take`. */
  route: string;
};

/**
 * Dispatches upgrade requests (`Upgrade: websocket`). Those for the plugin are passed to it by the event `upgrade`. All
 * others are routed as ordinary requests, and one route may take the connection; a connection that is not taken gets the
 * ordinary response and is closed.
 *
 * Without this the WebSocket plugin would take every upgrade request of the server, and leave the sockets of those that
 * it does not serve unread and open for ever.
 */
export class Upgrades {
  /** The emitter of `upgrade` for the WebSocket plugin; it never listens on a port. */
  readonly server = createServer();
  readonly #untaken = new WeakMap<IncomingMessage, () => Upgrade>();

  constructor(app: FastifyInstance, paths: UpgradePaths) {
    const server: Server = app.server;
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      const path = request.url?.replace(/\?.*$/, '');
      if (path !== paths.plugin) this.#route(app, request, { socket, head }, path === paths.route);
      else if (!this.server.emit('upgrade', request, socket, head)) socket.destroy();
    });
  }

  /** Takes over the connection of an upgrade request, whose reply must be hijacked; undefined for other requests. */
  take(request: IncomingMessage): Upgrade | undefined {
    const take = this.#untaken.get(request);
    this.#untaken.delete(request);
    return take?.();
  }

  #route(app: FastifyInstance, request: IncomingMessage, upgrade: Upgrade, mayBeTaken: boolean): void {
    const { socket } = upgrade;
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    const finish = (): void => socket.destroySoon();
    const ignore = (): void => {}; // 'close' follows, and handles it.
    const close = (): void => void response.destroy();
    response.once('finish', finish);
    socket.on('error', ignore);
    socket.once('close', close);
    if (mayBeTaken)
      this.#untaken.set(request, () => {
        response.removeListener('finish', finish);
        socket.removeListener('error', ignore);
        socket.removeListener('close', close);
        response.detachSocket(socket);
        return upgrade;
      });
    else socket.resume(); // reads, so that the end of the connection is noticed
    app.routing(request, response);
  }
}
