import type { Static, TSchema } from 'typebox';
import {
  LoginRequest,
  MeResponse,
  RegisterRequest,
  RegisterResponse,
  SignedInResponse,
} from '../auth/auth-schema.js';
import { ChatBanRequest, ChatBanResponse } from '../chat/chat-schema.js';
import { StreamResponse, StreamsResponse } from '../livestreams/livestream-schema.js';
import { JoinRequest, JoinResponse, LeaveRequest } from '../viewers/viewer-schema.js';
import { SuccessResponse } from './common-schema.js';

/**
 * Routes that the pages call, with the schemas that the server validates and serializes by. `api-routes.test.ts`
 * compares them with the OpenAPI document.
 */
export const API_ROUTES = {
  'GET /api/auth/me': { response: MeResponse },
  'POST /api/auth/login': { body: LoginRequest, response: SignedInResponse },
  'POST /api/auth/register': { body: RegisterRequest, response: RegisterResponse },
  'POST /api/auth/logout': { response: SuccessResponse },
  'GET /api/livestream/active': { response: StreamsResponse },
  'GET /api/livestream/:streamId': { response: StreamResponse },
  'POST /api/livestream/:streamId/join': { body: JoinRequest, response: JoinResponse },
  'POST /api/livestream/:streamId/leave': { body: LeaveRequest, response: SuccessResponse },
  'DELETE /api/livestream/:streamId/chat/:messageId': { response: SuccessResponse },
  'POST /api/livestream/:streamId/chat/bans': { body: ChatBanRequest, response: ChatBanResponse },
} as const satisfies Record<string, { body?: TSchema; response: TSchema }>;

type Routes = typeof API_ROUTES;

/** Names of the parameters in a path such as `/api/livestream/:streamId`. */
type PathParameter<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | PathParameter<Rest>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never;

/** Parameters, body and response of each route, for clients. `body` is undefined where the route takes none. */
export type ApiRoutes = {
  [Route in keyof Routes]: {
    params: Record<PathParameter<Route>, string>;
    body: Routes[Route] extends { body: infer Body extends TSchema } ? Static<Body> : undefined;
    response: Static<Routes[Route]['response']>;
  };
};
