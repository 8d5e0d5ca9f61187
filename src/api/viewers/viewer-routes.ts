import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { ANONYMOUS, type Authenticate, mayManage, type Principal } from '../../accounts/index.js';
import type { Clock } from '../../platform/index.js';
import type { StreamStatus } from '../../streams/index.js';
import {
  BeaconRequest,
  BeaconResponse,
  HistoryQuery,
  JoinRequest,
  JoinResponse,
  LeaveRequest,
  ref,
  StreamParams,
  SuccessResponse,
  type Viewers,
  ViewersResponse,
} from '../contract.js';
import { errorSchemas } from '../server/error-response.js';
import { ANYONE_READING_SECURITY, credentialsOf, type Guards } from '../server/guards.js';
import { readNumbers } from '../server/number-query.js';

type ViewerRequest = { streamId: string; token?: string | undefined; address: string };
type IceServer = { urls: string[]; username?: string; credential?: string };
type Minute = Viewers & { startedAt: number };

/** Members of the audience that these routes use. */
export type ViewerService = {
  join(
    principal: Principal | (() => Promise<Principal>),
    request: ViewerRequest,
  ): Promise<{ token: string; viewers: number; state: StreamStatus['state']['name'] }>;
  leave(principal: Principal, request: Omit<ViewerRequest, 'address'>): void;
  beacon(request: ViewerRequest & { token: string }): Promise<number>;
  viewers(streamId: string): Viewers;
  history(streamId: string, since: Date, limit: number): Promise<Minute[]>;
  watched(principal: Principal, streamId: string): Promise<{ userId: string | null }>;
};

export type ViewerRoutesOptions = {
  audience: ViewerService;
  authenticate: Authenticate;
  guards: Guards;
  iceServers: { list(user?: string): IceServer[] };
  clock: Clock;
};

const MINUTE_MS = 60_000;
const tags = ['viewers'];
/** The audience has limits per address; beacons and leaves are frequent for every viewer. */
const config = { ownLimit: true };

/** Joining, beacons and leaving of viewers, below `/api/livestream`. */
export const viewerRoutes: FastifyPluginAsync<ViewerRoutesOptions> = async (plain, options) => {
  const { audience, authenticate, guards, iceServers, clock } = options;
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  // `navigator.sendBeacon` of a closing page sends text.
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('text/plain', { parseAs: 'string', bodyLimit: 4_096 }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else void parseJson(request, body as string, done);
  });

  /** Watching changes nothing of an account, so a page needs no CSRF token. */
  const identify = (request: FastifyRequest): Promise<Principal> =>
    authenticate({ ...credentialsOf(request), method: 'GET' });

  app.post(
    '/:streamId/join',
    {
      config,
      schema: {
        summary: 'Join a livestream as a viewer',
        description:
          'The viewer is counted while it requests playlists or sends beacons (at least every 15 seconds), watches by WHEP, or has joined over the socket, all with the same `viewerToken`. 503 `viewer_limit_reached`, with Retry-After: the viewer limit is reached.',
        tags,
        security: ANYONE_READING_SECURITY,
        params: StreamParams,
        body: Type.Union([ref(JoinRequest), Type.Null()]),
        response: { 200: ref(JoinResponse), ...errorSchemas(400, 401, 404, 413, 415, 429, 500, 503) },
      },
    },
    async (request) => {
      const streamId = request.params.streamId.toLowerCase();
      const token = request.body?.viewerToken;
      const joined = await audience.join(() => identify(request), { streamId, token, address: request.ip });
      const { viewers, state } = joined;
      const servers = iceServers.list(streamId);
      return { success: true as const, iceServers: servers, viewerToken: joined.token, viewers, state };
    },
  );

  app.post(
    '/:streamId/leave',
    {
      config,
      schema: {
        summary: 'Leave a livestream',
        description:
          'Without a token, all viewers of the signed-in user without a connection leave. Accepts JSON as `text/plain` too, as sent by `navigator.sendBeacon`.',
        tags,
        security: ANYONE_READING_SECURITY,
        params: StreamParams,
        body: Type.Union([ref(LeaveRequest), Type.Null()]),
        response: { 200: ref(SuccessResponse), ...errorSchemas(400, 413, 415, 500, 503) },
      },
    },
    async (request) => {
      const streamId = request.params.streamId.toLowerCase();
      const token = request.body?.viewerToken;
      // Invalid credentials: nothing to leave as.
      const principal = token === undefined ? await identify(request).catch(() => ANONYMOUS) : ANONYMOUS;
      audience.leave(principal, { streamId, token });
      return { success: true as const };
    },
  );

  app.post(
    '/:streamId/beacon',
    {
      config,
      schema: {
        summary: 'Keep a viewer counted',
        description:
          'For players whose playlists come from a cache: send every 5 to 10 seconds. 400 `viewer_token_invalid`: join again. Accepts JSON as `text/plain` too.',
        tags,
        params: StreamParams,
        body: ref(BeaconRequest),
        response: { 200: ref(BeaconResponse), ...errorSchemas(400, 404, 413, 415, 500, 503) },
      },
    },
    async (request) => {
      const streamId = request.params.streamId.toLowerCase();
      const { viewerToken: token } = request.body;
      return {
        success: true as const,
        viewers: await audience.beacon({ streamId, token, address: request.ip }),
      };
    },
  );

  app.get(
    '/:streamId/viewers',
    {
      onRequest: guards.anyone,
      preValidation: readNumbers,
      schema: {
        summary: 'Get the viewer counts of a livestream, with a history by minute',
        tags,
        security: ANYONE_READING_SECURITY,
        params: StreamParams,
        querystring: HistoryQuery,
        response: { 200: ref(ViewersResponse), ...errorSchemas(400, 401, 404, 429, 500, 503) },
      },
    },
    async (request): Promise<ViewersResponse> => {
      const streamId = request.params.streamId.toLowerCase();
      const principal = guards.principal(request);
      const livestream = await audience.watched(principal, streamId);
      const viewers = audience.viewers(streamId);
      if (!mayManage(principal, livestream)) return { viewers };
      const { minutes } = request.query;
      const history = await audience.history(
        streamId,
        new Date(clock.now() - minutes * MINUTE_MS),
        minutes + 1,
      );
      return {
        viewers,
        history: history.map(({ startedAt, total, byProtocol }) => ({
          minute: new Date(startedAt).toISOString(),
          viewers: total,
          byProtocol,
        })),
      };
    },
  );
};
