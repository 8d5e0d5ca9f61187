import websocket from '@fastify/websocket';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { ANONYMOUS, type Principal } from '../accounts/index.js';
import { type Clock, PublicError } from '../platform/index.js';
import { credentialsOf } from './credentials.js';
import type { Hub } from './hub.js';
import { MESSAGE_MAXIMUM } from './message.js';
import { CLOSE, type Socket } from './socket.js';
import { SOCKET_IO_PATH, socketIoRoutes } from './socket-io.js';
import { Upgrades } from './upgrades.js';
import { WebSocketConnection } from './websocket-connection.js';

const PATH = '/ws';
/** RFC 6750 section 3. */
const CHALLENGE = 'Bearer realm="headend", error="invalid_token"';

export type SocketRoutesOptions = { realtime: Hub; clock: Clock };

/**
 * `GET /ws`: messages are JSON, `{event, data, id?}`, either way. What a client sends with an id is answered with it, by
 * `{event: 'ok', data, id}`, by another event where its feature says so, or by `{event: 'error', data: {code, message}, id}`.
 * A frame of ours may also hold a list of messages. Who somebody is they show by our cookie (from a page of ours), by the
 * header `Authorization`, or by a first message `auth {token}`.
 *
 * Socket.IO's clients find the same at `/socket.io/`.
 */
export const socketRoutes: FastifyPluginAsync<SocketRoutesOptions> = async (app, options) => {
  const { realtime: hub, clock } = options;
  const principals = new WeakMap<FastifyRequest, Principal>();
  const upgrades = new Upgrades(app, { plugin: PATH, route: SOCKET_IO_PATH });

  hub.start();
  // Before the hook of the WebSocket plugin, which closes without saying why.
  app.addHook('preClose', async () => hub.close());
  await app.register(socketIoRoutes, { hub, upgrades, clock });
  // In this scope alone: elsewhere the plugin would write addresses, as asked, to the log.
  await app.register(websocket, { options: { maxPayload: MESSAGE_MAXIMUM, server: upgrades.server } });

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
      throw new PublicError(426, 'upgrade_required', 'This address takes WebSocket connections.');
    },
    wsHandler: (socket: Socket, request) => {
      if (hub.seats.full(request.ip)) socket.close(CLOSE.tryAgainLater, 'too many connections');
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
