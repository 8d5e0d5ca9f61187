import websocket from '@fastify/websocket';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { ANONYMOUS, type Principal } from '../accounts/index.js';
import { type Clock, PublicError } from '../platform/index.js';
import { credentialsOf } from './credentials.js';
import type { Hub } from './hub.js';
import { MAXIMUM_MESSAGE_BYTES } from './message.js';
import { CLOSE, type Socket } from './socket.js';
import { SOCKET_IO_PATH, socketIoRoutes } from './socket-io.js';
import { Upgrades } from './upgrades.js';
import { WebSocketConnection } from './websocket-connection.js';

const PATH = '/ws';
/** RFC 6750 section 3. */
const CHALLENGE = 'Bearer realm="headend", error="invalid_token"';

export type SocketRoutesOptions = { hub: Hub; clock: Clock };

/**
 * Serves `GET /ws`. Messages are JSON, `{event, data, id?}`, in both directions. A message with an id is answered by
 * `{event: 'ok', data, id}`, by another event that its feature chooses, or by `{event: 'error', data: {code, message}, id}`.
 * A frame of the server may hold a list of messages. Clients authenticate by the cookie (same origin), by the header
 * `Authorization`, or by a first message `auth {token}`.
 *
 * Serves the same features to Socket.IO clients at `/socket.io/`.
 */
export const socketRoutes: FastifyPluginAsync<SocketRoutesOptions> = async (app, options) => {
  const { hub, clock } = options;
  const principals = new WeakMap<FastifyRequest, Principal>();
  const upgrades = new Upgrades(app, { plugin: PATH, route: SOCKET_IO_PATH });

  hub.start();
  // Runs before the hook of the WebSocket plugin, which closes without a code.
  app.addHook('preClose', async () => hub.close());
  await app.register(socketIoRoutes, { hub, upgrades, clock });
  // Registered in this scope only: elsewhere the plugin would log request URLs, which may hold tokens.
  await app.register(websocket, { options: { maxPayload: MAXIMUM_MESSAGE_BYTES, server: upgrades.server } });

  app.route({
    method: 'GET',
    url: PATH,
    exposeHeadRoute: false,
    schema: { hide: true },
    preValidation: async (request, reply) => {
      if (!request.ws) return;
      try {
        principals.set(request, await hub.identify(credentialsOf(request)));
      } catch (error) {
        if (error instanceof PublicError && error.status === 401) reply.header('www-authenticate', CHALLENGE);
        throw error;
      }
    },
    handler: async (_request, reply) => {
      reply.header('upgrade', 'websocket');
      throw new PublicError(
        426,
        'upgrade_required',
        'This address takes WebSocket connections: connect with a WebSocket client.',
      );
    },
    wsHandler: (socket: Socket, request) => {
      if (hub.connectionLimit.isReached(request.ip))
        socket.close(CLOSE.tryAgainLater, 'too many connections');
      else
        new WebSocketConnection(
          socket,
          request.raw.socket,
          hub,
          principals.get(request) ?? ANONYMOUS,
          request.ip,
        );
    },
  });
};
