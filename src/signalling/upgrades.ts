import { EventEmitter } from 'node:events';
import { type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/**
 * Passes on requests for a WebSocket that are for `path`, by the event `upgrade`; all others are answered as if they had
 * not asked for an upgrade, and their connection is closed.
 *
 * The WebSocket plugin by itself would take every such request of the server, and leave the sockets of those that it has
 * no use for unread and open for ever.
 */
export function upgradesTo(path: string, app: FastifyInstance): EventEmitter {
  const wanted = new EventEmitter();
  const server: Server = app.server;
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (request.url?.replace(/\?.*$/, '') === path) {
      if (!wanted.emit('upgrade', request, socket, head)) socket.destroy();
      return;
    }
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.once('finish', () => socket.destroySoon());
    socket.on('error', () => {}); // 'close' follows and says all that matters.
    socket.once('close', () => response.destroy());
    socket.resume();
    app.routing(request, response);
  });
  return wanted;
}
