import type { AddressInfo } from 'node:net';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import type { Test } from 'tap';
import { ANONYMOUS, type Credentials, type Principal } from '../../src/accounts/index.js';
import { PublicError } from '../../src/platform/index.js';
import {
  createRealtime,
  type RealtimeFeature,
  type RealtimeLimits,
  realtimeRoutes,
} from '../../src/realtime/index.js';
import { FakeClock } from './fake-clock.js';
import { signallingServer } from './signalling-server.js';
import { WebSocketClient } from './websocket-client.js';

export const ANN = {
  kind: 'account',
  userId: 'ann',
  name: 'Ann',
  role: 'viewer',
  via: 'token',
} as const satisfies Principal;

export type RealtimeStageOptions = {
  feature?: Partial<RealtimeFeature>;
  limits?: Partial<RealtimeLimits>;
};

/** The realtime server with one feature, and clients of every kind. `tokens` are taken: `ann-token` is Ann's. */
export async function realtimeStage(t: Test, options: RealtimeStageOptions = {}) {
  const clock = new FakeClock();
  const { app, log, logged } = signallingServer(t, clock);
  const shown: Credentials[] = [];
  const tokens: Record<string, Principal> = { 'ann-token': ANN };
  const realtime = createRealtime({
    authenticate: async (credentials) => {
      shown.push(credentials);
      if (credentials.cookie !== undefined) return { ...ANN, via: 'session' };
      if (credentials.authorization === undefined) return ANONYMOUS;
      const principal = tokens[credentials.authorization.replace('Bearer ', '')];
      if (principal) return principal;
      throw new PublicError(401, 'access_token_invalid', 'This token does not hold.');
    },
    clock,
    log,
    ...(options.limits ? { limits: options.limits } : {}),
  });
  realtime.add({
    name: 'test',
    events: {
      who: (client) => ({ data: { principal: client.principal, address: client.address } }),
      echo: (_client, data) => ({ data }),
      enter: (client, { room, holder }) => {
        client.enter(String(room), holder === undefined ? undefined : String(holder));
        return undefined;
      },
      leave: (client, { room, holder }) => {
        client.leave(String(room), holder === undefined ? undefined : String(holder));
        return undefined;
      },
    },
  });
  if (options.feature) realtime.add({ name: 'own', events: {}, ...options.feature });
  await app.register(realtimeRoutes, { realtime, clock });
  app.get('/elsewhere', async () => 'elsewhere');
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const client = (headers?: Record<string, string>): WebSocketClient =>
    new WebSocketClient(t, port, '/ws', headers);
  /** A client that is in the room. */
  const member = async (room = 'room'): Promise<WebSocketClient> => {
    const socket = client();
    socket.send('enter', { room }, 'entered');
    await socket.next('ok');
    return socket;
  };
  const socketIo = (settings: Partial<ManagerOptions & SocketOptions> = {}): Socket => {
    const socket = io(`http://127.0.0.1:${port}`, { forceNew: true, reconnection: false, ...settings });
    t.teardown(() => socket.disconnect());
    return socket;
  };
  return { app, clock, realtime, shown, tokens, client, member, socketIo, logged, port };
}
