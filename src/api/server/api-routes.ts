import type { Static, TSchema } from 'typebox';
import { AuditResponse, NodeHealthResponse, NodeSettingsResponse } from '../admin/admin-schema.js';
import { BroadcastAnalyticsResponse, BroadcastsResponse } from '../analytics/analytics-schema.js';
import {
  AccessTokenRequest,
  AccessTokenResponse,
  AccessTokensResponse,
  AccountDeletionRequest,
  AccountRequest,
  AccountResponse,
  AccountsResponse,
  DeleteMeRequest,
  FollowResponse,
  InvitationRequest,
  InvitationResponse,
  InvitationsResponse,
  LoginRequest,
  MeResponse,
  PasswordRequest,
  RegisterRequest,
  RegisterResponse,
  SessionsResponse,
  SignedInResponse,
  UsersResponse,
} from '../auth/auth-schema.js';
import { PublicChannelResponse } from '../channels/public-channel-schema.js';
import {
  ChatBanRequest,
  ChatBanResponse,
  ChatBansResponse,
  ChatModeratorsResponse,
} from '../chat/chat-schema.js';
import {
  ClipResponse,
  ClipsResponse,
  CreateClipRequest,
  CreateRecordingClipRequest,
  StreamClipsResponse,
  UpdateClipRequest,
} from '../clips/clip-schema.js';
import { AccountExport } from '../exports/export-schema.js';
import {
  ChannelRequest,
  ChannelResponse,
  CreateKeyRequest,
  RotateKeyRequest,
  StreamKeyResponse,
  StreamKeysResponse,
} from '../keys/stream-key-schema.js';
import { HealthResponse } from '../livestreams/livestream-health-schema.js';
import { InviteesResponse } from '../livestreams/livestream-invitee-schema.js';
import {
  CreateRequest,
  CreateResponse,
  EditRequest,
  EndRequest,
  StreamResponse,
  StreamsResponse,
} from '../livestreams/livestream-schema.js';
import { QoeReport, QoeResponse } from '../qoe/qoe-schema.js';
import { ChatReplay } from '../recordings/chat-replay-schema.js';
import {
  EditRecordingRequest,
  OwnRecordingsResponse,
  RecordingResponse,
  RecordingsResponse,
  StartRecordingRequest,
} from '../recordings/recording-schema.js';
import {
  CreateRestreamTargetRequest,
  RestreamTargetResponse,
  RestreamTargetsResponse,
  UpdateRestreamTargetRequest,
} from '../restreams/restream-schema.js';
import { SearchResponse } from '../search/search-schema.js';
import { EditVideoRequest, VideoResponse, VideosResponse } from '../videos/video-schema.js';
import { JoinRequest, JoinResponse, LeaveRequest, ViewersResponse } from '../viewers/viewer-schema.js';
import {
  CreateWebhookRequest,
  CreateWebhookResponse,
  PingResponse,
  UpdateWebhookRequest,
  WebhookDeliveriesResponse,
  WebhookDeliveryResponse,
  WebhookResponse,
  WebhooksResponse,
} from '../webhooks/webhook-schema.js';
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
  'GET /api/auth/me/export': { response: AccountExport },
  'DELETE /api/auth/me': { body: DeleteMeRequest, response: SuccessResponse },
  'POST /api/auth/password': { body: PasswordRequest, response: SuccessResponse },
  'GET /api/auth/sessions': { response: SessionsResponse },
  'DELETE /api/auth/sessions': { response: SuccessResponse },
  'DELETE /api/auth/sessions/:id': { response: SuccessResponse },
  'GET /api/auth/tokens': { response: AccessTokensResponse },
  'POST /api/auth/tokens': { body: AccessTokenRequest, response: AccessTokenResponse },
  'DELETE /api/auth/tokens/:id': { response: SuccessResponse },
  'GET /api/auth/users': { response: UsersResponse },
  'GET /api/auth/accounts': { response: AccountsResponse },
  'PATCH /api/auth/accounts/:id': { body: AccountRequest, response: AccountResponse },
  'DELETE /api/auth/accounts/:id': { body: AccountDeletionRequest, response: SuccessResponse },
  'GET /api/auth/invitations': { response: InvitationsResponse },
  'POST /api/auth/invitations': { body: InvitationRequest, response: InvitationResponse },
  'DELETE /api/auth/invitations/:id': { response: SuccessResponse },
  'GET /api/channels/:name': { response: PublicChannelResponse },
  'GET /api/search': { response: SearchResponse },
  'POST /api/qoe': { body: QoeReport, response: SuccessResponse },
  'GET /api/livestream/:streamId/qoe': { response: QoeResponse },
  'GET /api/users/:userId/follow': { response: FollowResponse },
  'PUT /api/users/:userId/follow': { response: FollowResponse },
  'DELETE /api/users/:userId/follow': { response: FollowResponse },
  'GET /api/admin/node': { response: NodeHealthResponse },
  'GET /api/admin/settings': { response: NodeSettingsResponse },
  'GET /api/admin/sessions': { response: StreamsResponse },
  'GET /api/admin/audit': { response: AuditResponse },
  'POST /api/livestream/create': { body: CreateRequest, response: CreateResponse },
  'GET /api/livestream/active': { response: StreamsResponse },
  'GET /api/livestream/upcoming': { response: StreamsResponse },
  'GET /api/livestream/user/:userId': { response: StreamsResponse },
  'PATCH /api/livestream/:streamId': { body: EditRequest, response: StreamResponse },
  'DELETE /api/livestream/:streamId': { response: SuccessResponse },
  'POST /api/livestream/:streamId/end': { body: EndRequest, response: SuccessResponse },
  'POST /api/livestream/:streamId/kick': { response: SuccessResponse },
  'GET /api/livestream/:streamId/broadcasts': { response: BroadcastsResponse },
  'GET /api/livestream/:streamId/broadcasts/:broadcastId/analytics': { response: BroadcastAnalyticsResponse },
  'GET /api/livestream/:streamId/guests': { response: InviteesResponse },
  'PUT /api/livestream/:streamId/guests/:userId': { response: SuccessResponse },
  'DELETE /api/livestream/:streamId/guests/:userId': { response: SuccessResponse },
  'GET /api/livestream/:streamId/health': { response: HealthResponse },
  'GET /api/livestream/:streamId/keys': { response: StreamKeysResponse },
  'POST /api/livestream/:streamId/keys': { body: CreateKeyRequest, response: StreamKeyResponse },
  'POST /api/livestream/:streamId/keys/:keyId/rotate': {
    body: RotateKeyRequest,
    response: StreamKeyResponse,
  },
  'DELETE /api/livestream/:streamId/keys/:keyId': { response: SuccessResponse },
  'GET /api/channel': { response: ChannelResponse },
  'PATCH /api/channel': { body: ChannelRequest, response: ChannelResponse },
  'POST /api/channel/key': { body: RotateKeyRequest, response: StreamKeyResponse },
  'GET /api/channel/restream-targets': { response: RestreamTargetsResponse },
  'POST /api/channel/restream-targets': {
    body: CreateRestreamTargetRequest,
    response: RestreamTargetResponse,
  },
  'PATCH /api/channel/restream-targets/:targetId': {
    body: UpdateRestreamTargetRequest,
    response: RestreamTargetResponse,
  },
  'DELETE /api/channel/restream-targets/:targetId': { response: SuccessResponse },
  'GET /api/livestream/:streamId/recordings': { response: RecordingsResponse },
  'POST /api/livestream/:streamId/recordings': { body: StartRecordingRequest, response: RecordingResponse },
  'POST /api/recordings/:recordingId/stop': { response: RecordingResponse },
  'GET /api/livestream/:streamId/restream-targets': { response: RestreamTargetsResponse },
  'POST /api/livestream/:streamId/restream-targets': {
    body: CreateRestreamTargetRequest,
    response: RestreamTargetResponse,
  },
  'PATCH /api/livestream/:streamId/restream-targets/:targetId': {
    body: UpdateRestreamTargetRequest,
    response: RestreamTargetResponse,
  },
  'DELETE /api/livestream/:streamId/restream-targets/:targetId': { response: SuccessResponse },
  'GET /api/recordings': { response: OwnRecordingsResponse },
  'GET /api/recordings/recent': { response: RecordingsResponse },
  'GET /api/recordings/:recordingId': { response: RecordingResponse },
  'PATCH /api/recordings/:recordingId': { body: EditRecordingRequest, response: RecordingResponse },
  'DELETE /api/recordings/:recordingId': { response: SuccessResponse },
  'GET /api/videos/recent': { response: VideosResponse },
  'GET /api/videos': { response: VideosResponse },
  'GET /api/videos/:videoId': { response: VideoResponse },
  'PATCH /api/videos/:videoId': { body: EditVideoRequest, response: VideoResponse },
  'POST /api/videos/:videoId/cancel': { response: SuccessResponse },
  'DELETE /api/videos/:videoId': { response: SuccessResponse },
  'GET /api/livestream/:streamId/clips': { response: StreamClipsResponse },
  'POST /api/livestream/:streamId/clips': { body: CreateClipRequest, response: ClipResponse },
  'POST /api/recordings/:recordingId/clips': { body: CreateRecordingClipRequest, response: ClipResponse },
  'GET /api/clips': { response: ClipsResponse },
  'GET /api/clips/:clipId': { response: ClipResponse },
  'PATCH /api/clips/:clipId': { body: UpdateClipRequest, response: ClipResponse },
  'DELETE /api/clips/:clipId': { response: SuccessResponse },
  'GET /api/clips/:clipId/chat': { response: ChatReplay },
  'GET /api/recordings/:recordingId/chat': { response: ChatReplay },
  'GET /api/livestream/:streamId': { response: StreamResponse },
  'GET /api/livestream/:streamId/viewers': { response: ViewersResponse },
  'POST /api/livestream/:streamId/join': { body: JoinRequest, response: JoinResponse },
  'POST /api/livestream/:streamId/leave': { body: LeaveRequest, response: SuccessResponse },
  'DELETE /api/livestream/:streamId/chat/:messageId': { response: SuccessResponse },
  'GET /api/livestream/:streamId/chat/bans': { response: ChatBansResponse },
  'DELETE /api/livestream/:streamId/chat/bans/:userId': { response: SuccessResponse },
  'GET /api/livestream/:streamId/chat/moderators': { response: ChatModeratorsResponse },
  'PUT /api/livestream/:streamId/chat/moderators/:userId': { response: SuccessResponse },
  'DELETE /api/livestream/:streamId/chat/moderators/:userId': { response: SuccessResponse },
  'GET /api/webhooks': { response: WebhooksResponse },
  'POST /api/webhooks': { body: CreateWebhookRequest, response: CreateWebhookResponse },
  'PATCH /api/webhooks/:webhookId': { body: UpdateWebhookRequest, response: WebhookResponse },
  'DELETE /api/webhooks/:webhookId': { response: SuccessResponse },
  'POST /api/webhooks/:webhookId/test': { response: PingResponse },
  'GET /api/webhooks/:webhookId/deliveries': { response: WebhookDeliveriesResponse },
  'POST /api/webhooks/deliveries/:deliveryId/replay': { response: WebhookDeliveryResponse },
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
