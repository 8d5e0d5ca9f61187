import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

export type Upgrade = { socket: Socket; head: Buffer };

export type UpgradePaths = {
  /** What the WebSocket plugin takes. */
  plugin: string;
  /** What a route takes over by `take`. */
  route: string;
};

/**
 * The one place where requests for another protocol (`Upgrade: websocket`) arrive. Those for the plugin are passed on to
 * it by the event `upgrade`. All others go to the routes like any request, and one route may take the connection over;
 * what is not taken is answered as if no upgrade had been asked for, and its connection is closed.
 *
 * The WebSocket plugin by itself would take every such request of the server, and leave the sockets of those that it has
 * no use for unread and open for ever.
 */
export class Upgrades {
  /** What the WebSocket plugin listens to for `upgrade`. It never listens itself. */
  readonly server = createServer();
  readonly #waiting = new WeakMap<IncomingMessage, () => Upgrade>();

  constructor(app: FastifyInstance, paths: UpgradePaths) {
    const server: Server = app.server;
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      const path = request.url?.replace(/\?.*$/, '');
      if (path !== paths.plugin) this.#route(app, request, { socket, head }, path === paths.route);
      else if (!this.server.emit('upgrade', request, socket, head)) socket.destroy();
    });
  }

  /** Takes over the connection of a request that asks for it; its reply must be hijacked. */
  take(request: IncomingMessage): Upgrade | undefined {
    const take = this.#waiting.get(request);
    this.#waiting.delete(request);
    return take?.();
  }

  #route(app: FastifyInstance, request: IncomingMessage, upgrade: Upgrade, mayBeTaken: boolean): void {
    const { socket } = upgrade;
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    const finish = (): void => socket.destroySoon();
    const ignore = (): void => {}; // 'close' follows and says all that matters.
    const close = (): void => void response.destroy();
    response.once('finish', finish);
    socket.on('error', ignore);
    socket.once('close', close);
    if (mayBeTaken)
      this.#waiting.set(request, () => {
        response.removeListener('finish', finish);
        socket.removeListener('error', ignore);
        socket.removeListener('close', close);
        response.detachSocket(socket);
        return upgrade;
      });
    else socket.resume(); // so that its end is noticed
    app.routing(request, response);
  }
}
