import websocket from '@fastify/websocket';
import type { FastifyPluginAsync } from 'fastify';
import { type Clock, type Logger, networkBlock, PublicError } from '../platform/index.js';
import { type IceServers, OfferLimit, type OfferRate } from '../webrtc/index.js';
import { Connection } from './connection.js';
import { MESSAGE_LIMIT } from './message.js';
import { Rooms } from './room.js';
import { CLOSE, type Socket } from './socket.js';
import { upgradesTo } from './upgrades.js';
import type { WebrtcService } from './webrtc-service.js';

export type SignallingRoutesOptions = {
  service: WebrtcService;
  iceServers: Pick<IceServers, 'list'>;
  clock: Clock;
  log: Logger;
  limits?: Partial<SignallingLimits>;
};

export type SignallingLimits = {
  connections: number;
  connectionsPerAddress: number;
  offers: OfferRate;
};

const LIMITS: SignallingLimits = {
  connections: 10_000,
  connectionsPerAddress: 200,
  offers: { burst: 100, refillMs: 100 },
};

/**
 * Signalling over a WebSocket at `GET /ws`: messages are JSON, `{event, data, id?}`, either way.
 *
 * From clients: `stream:offer {streamKey, offer, streamId?}` publishes, `stream:join {streamId, userId?}` joins and is
 * offered the picture as soon as there is one, `stream:answer {streamId, answer}` takes it, `stream:ice-candidate {streamId, candidate}`, `stream:layer {streamId, rid?}`, `stream:leave {streamId}`,
 * `stream:end {streamId}`. To clients: `stream:joined {streamId, iceServers, state, viewers}`, `stream:offer {streamId,
 * offer, iceServers}`, `stream:answer {streamId, answer, iceServers}`, `stream:active`, `stream:inactive`, `stream:layers`, `stream:state`, `stream:viewers`,
 * `stream:ended {streamId, reason, message, reconnect}`, `stream:disconnected` (a publication is gone), `ok` and
 * `error {code, message}`.
 *
 * A viewer may also make the offer: `stream:join {streamId, offer}` is answered by `stream:answer`. Offers and answers are
 * SDP, or objects of `type` and `sdp` as browsers have them. A connection that was lost by our fault is offered anew.
 */
export const signallingRoutes: FastifyPluginAsync<SignallingRoutesOptions> = async (app, options) => {
  const { service, iceServers, clock, log } = options;
  const limits = { ...LIMITS, ...options.limits };
  const offers = new OfferLimit(clock, limits.offers);
  const rooms = new Rooms(service, clock);
  const connections = new Set<Connection>();
  const perBlock = new Map<string, number>();

  // Before the hook of the WebSocket plugin, which closes without saying why.
  app.addHook('preClose', async () => {
    rooms.close();
    for (const connection of connections) connection.shutdown();
  });
  // In this scope alone: elsewhere the plugin would write addresses, as asked, to the log.
  await app.register(websocket, { options: { maxPayload: MESSAGE_LIMIT, server: upgradesTo('/ws', app) } });

  app.route({
    method: 'GET',
    url: '/ws',
    exposeHeadRoute: false,
    schema: { hide: true },
    handler: async (_request, reply) => {
      reply.header('upgrade', 'websocket');
      throw new PublicError(426, 'upgrade_required', 'This address takes WebSocket connections.');
    },
    wsHandler: (socket: Socket, request) => {
      const block = networkBlock(request.ip);
      const others = perBlock.get(block) ?? 0;
      if (connections.size >= limits.connections || others >= limits.connectionsPerAddress) {
        socket.close(CLOSE.tryAgainLater, 'too many connections');
        return;
      }
      perBlock.set(block, others + 1);
      const connection = new Connection({
        socket,
        service,
        rooms,
        offers,
        iceServers,
        address: request.ip,
        clock,
        log,
      });
      connections.add(connection);
      socket.on('close', () => {
        connections.delete(connection);
        const left = (perBlock.get(block) ?? 1) - 1;
        if (left > 0) perBlock.set(block, left);
        else perBlock.delete(block);
      });
    },
  });
};
