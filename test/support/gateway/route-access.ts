import { PASSWORD } from '../fixtures/accounts-fixture.js';

/** Kinds of clients. The moderator is a viewer appointed for the owner's livestream. */
export const CLIENT_KINDS = [
  'anonymous',
  'viewer',
  'moderator',
  'broadcaster',
  'owner',
  'admin',
  'operator',
] as const;
export type ClientKind = (typeof CLIENT_KINDS)[number];

const ALL = [...CLIENT_KINDS];
const SIGNED_IN = CLIENT_KINDS.filter((client) => client !== 'anonymous');
/** Clients with an account. */
const ACCOUNTS = SIGNED_IN.filter((client) => client !== 'operator');
const BROADCASTERS: ClientKind[] = ['broadcaster', 'owner', 'admin', 'operator'];
const OWNER: ClientKind[] = ['owner', 'admin', 'operator'];
const MODERATORS: ClientKind[] = ['moderator', ...OWNER];
/** Clients with a channel. */
const CHANNELS: ClientKind[] = ['broadcaster', 'owner', 'admin'];
const ADMINS: ClientKind[] = ['admin', 'operator'];

/** Resources of one request, created anew for each request that changes something. */
export type Resources = {
  streamId: string;
  /** Open poll in the chat of the livestream. */
  pollId: string;
  /** Message of the owner in the chat of the livestream. */
  messageId: string;
  keyId: string;
  /** Code of an unused invitation. */
  invitation: string;
  /** Unique name. */
  name: string;
};

export type Access =
  | {
      allowed: readonly ClientKind[];
      /** JSON body, or bytes with their content type. */
      body?: (resources: Resources) => object | { type: string; bytes: Buffer };
      /** Path parameters that are not resources of the test; random ids by default. */
      params?: Record<string, string>;
      /** The route needs no CSRF token, as it changes nothing of an account. */
      withoutCsrf?: true;
      /** The route succeeds for unknown resources too. */
      alwaysSucceeds?: true;
      /** The route ends the session. */
      signsOut?: true;
    }
  /** Access does not depend on the account, or another test covers it. */
  | { skip: string };

const restreamTarget = () => ({ name: 'Other', url: 'rtmp://live.example/app', key: 'other-key' });
const CLIP = { skip: 'needs media: test/api/clips/clip-routes.test.ts' };
const CHAT_REPLAY = { skip: 'needs a recording: test/api/recordings/chat-replay-routes.test.ts' };
const MEDIA = { skip: 'media: stream keys admit publishers, the audience admits viewers' };
const userId = { userId: 'somebody' };
const followed = { userId: 'somebody-else' };
const invitee = (resources: Resources): object => ({
  name: resources.name,
  password: PASSWORD,
  invitation: resources.invitation,
});
const empty = (): object => ({});
/** The signature of a PNG and some bytes. */
const thumbnail = () => ({
  type: 'image/png',
  bytes: Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), Buffer.alloc(64)]),
});

/** Access by route, for every route of the server by its name in the OpenAPI document. */
export const ROUTE_ACCESS: Record<string, Access> = {
  'POST /whip': MEDIA,
  'POST /whip/{streamKey}': MEDIA,
  'PATCH /whip/session/{sessionId}': MEDIA,
  'DELETE /whip/session/{sessionId}': MEDIA,
  'POST /whep/{streamId}': MEDIA,
  'PATCH /whep/session/{sessionId}': MEDIA,
  'DELETE /whep/session/{sessionId}': MEDIA,
  'POST /whep/session/{sessionId}/layer': MEDIA,
  'DELETE /whep/session/{sessionId}/layer': MEDIA,
  'GET /whep/session/{sessionId}/events': MEDIA,
  'POST /whep/session/{sessionId}/events': MEDIA,
  'GET /hls/{streamId}/index.m3u8': MEDIA,
  'GET /hls/{streamId}/{broadcastId}/{rendition}/index.m3u8': MEDIA,
  'GET /hls/{streamId}/{broadcastId}/{rendition}/{file}': MEDIA,
  'OPTIONS /hls/{*}': MEDIA,
  'GET /dash/{streamId}/index.mpd': MEDIA,
  'OPTIONS /dash/{*}': MEDIA,
  'GET /rewind/{streamId}/index.m3u8': MEDIA,
  'GET /rewind/{streamId}/{broadcastId}/{rendition}/{file}': MEDIA,
  'OPTIONS /rewind/{*}': MEDIA,
  'GET /recordings/{recordingId}/sprites.vtt': MEDIA,
  'GET /recordings/{recordingId}/index.m3u8': MEDIA,
  'GET /recordings/{recordingId}/index.mpd': MEDIA,
  'GET /recordings/{recordingId}/download.mp4': MEDIA,
  'GET /recordings/{recordingId}/{rendition}/{file}': MEDIA,
  'OPTIONS /recordings/{*}': MEDIA,
  'GET /videos/{videoId}/sprites.vtt': MEDIA,
  'GET /videos/{videoId}/index.m3u8': MEDIA,
  'GET /videos/{videoId}/index.mpd': MEDIA,
  'GET /videos/{videoId}/download.mp4': MEDIA,
  'GET /videos/{videoId}/{rendition}/{file}': MEDIA,
  'OPTIONS /videos/{*}': MEDIA,
  'GET /ws': { skip: 'depends on the event: test/sockets, test/chat' },
  'GET /socket.io/': { skip: 'depends on the event: test/sockets, test/chat' },

  'GET /healthz': { allowed: ALL },
  'GET /readyz': { allowed: ALL },

  'POST /api/auth/register': { allowed: ALL, body: invitee },
  'POST /api/auth/login': {
    allowed: ALL,
    body: () => ({ name: 'The owner', password: PASSWORD }),
    withoutCsrf: true,
    signsOut: true,
  },
  'POST /api/auth/logout': { allowed: ALL, signsOut: true },
  'GET /api/auth/me': { allowed: ALL },
  'GET /api/auth/me/export': { allowed: ACCOUNTS },
  'DELETE /api/auth/me': {
    skip: 'needs the password of an account: test/gateway/people/account-deletion.test.ts',
  },
  'POST /api/auth/password': { allowed: ACCOUNTS, body: () => ({ current: PASSWORD, password: PASSWORD }) },
  'GET /api/auth/tokens': { allowed: ACCOUNTS },
  'POST /api/auth/tokens': { allowed: ACCOUNTS, body: () => ({ label: 'test' }) },
  'DELETE /api/auth/tokens/{id}': { allowed: ACCOUNTS },
  'GET /api/auth/sessions': { allowed: ACCOUNTS },
  'DELETE /api/auth/sessions': { allowed: ACCOUNTS },
  'DELETE /api/auth/sessions/{id}': { allowed: ACCOUNTS },
  'GET /api/auth/users': { skip: 'needs a query: test/api/auth/user-routes.test.ts' },
  'GET /api/auth/accounts': { allowed: ADMINS },
  'GET /api/auth/accounts/{id}': { allowed: ADMINS },
  'PATCH /api/auth/accounts/{id}': { allowed: ADMINS, body: () => ({ role: 'viewer' }) },
  'DELETE /api/auth/accounts/{id}': { allowed: ADMINS, body: empty },
  'GET /api/auth/invitations': { allowed: ADMINS },
  'POST /api/auth/invitations': { allowed: ADMINS, body: empty },
  'DELETE /api/auth/invitations/{id}': { allowed: ADMINS },

  'GET /api/admin/node': { allowed: ADMINS },
  'GET /api/admin/settings': { allowed: ADMINS },
  'GET /api/admin/sessions': { allowed: ADMINS },
  'GET /api/admin/audit': { allowed: ADMINS },

  'GET /api/users/{userId}/follow': { allowed: ACCOUNTS, params: followed },
  'PUT /api/users/{userId}/follow': { allowed: ACCOUNTS, params: followed },
  'DELETE /api/users/{userId}/follow': { allowed: ACCOUNTS, params: followed },

  'GET /api/search': { skip: 'needs a query: test/api/search/search-routes.test.ts' },
  'GET /api/oembed': { skip: 'needs an address: test/api/pages/oembed-routes.test.ts' },
  'POST /api/qoe': { skip: 'needs a broadcast: test/api/qoe/qoe-routes.test.ts' },
  'GET /api/channels/{name}': { allowed: ALL, params: { name: 'The owner' } },

  'POST /api/livestream/create': { allowed: BROADCASTERS, body: () => ({ title: 'A test' }) },
  'GET /api/livestream/active': { allowed: ALL },
  'GET /api/livestream/upcoming': { allowed: ALL },
  'GET /api/livestream/user/{userId}': { allowed: ALL, params: userId },
  'GET /api/livestream/{streamId}': { allowed: ALL },
  'PATCH /api/livestream/{streamId}': { allowed: OWNER, body: () => ({ title: 'Another title' }) },
  'DELETE /api/livestream/{streamId}': { allowed: OWNER },
  'POST /api/livestream/{streamId}/start': { allowed: OWNER },
  'POST /api/livestream/{streamId}/end': { allowed: OWNER, body: empty },
  'POST /api/livestream/{streamId}/kick': { allowed: OWNER },
  'GET /api/livestream/{streamId}/stats': { allowed: ALL },
  'GET /api/livestream/{streamId}/health': { allowed: MODERATORS },
  'GET /api/livestream/{streamId}/broadcasts': { allowed: OWNER },
  'GET /api/livestream/{streamId}/broadcasts/{broadcastId}/analytics': { allowed: OWNER },
  'GET /api/livestream/{streamId}/broadcasts/{broadcastId}/analytics.csv': { allowed: OWNER },
  'GET /api/livestream/{streamId}/qoe': { allowed: OWNER },
  'GET /api/livestream/{streamId}/guests': { allowed: OWNER },
  'PUT /api/livestream/{streamId}/guests/{userId}': { allowed: OWNER, params: userId },
  'DELETE /api/livestream/{streamId}/guests/{userId}': { allowed: OWNER, params: userId },
  'GET /api/livestream/{streamId}/thumbnail': { allowed: ALL },
  'PUT /api/livestream/{streamId}/thumbnail': { allowed: OWNER, body: thumbnail },
  'DELETE /api/livestream/{streamId}/thumbnail': { allowed: OWNER },

  'POST /api/livestream/{streamId}/join': { allowed: ALL, body: empty, withoutCsrf: true },
  'POST /api/livestream/{streamId}/leave': {
    allowed: ALL,
    body: empty,
    withoutCsrf: true,
    alwaysSucceeds: true,
  },
  'POST /api/livestream/{streamId}/beacon': {
    skip: 'needs a viewer token: test/api/viewers/viewer-routes.test.ts',
  },
  'GET /api/livestream/{streamId}/viewers': { allowed: ALL },

  'GET /api/livestream/{streamId}/recordings': { allowed: ALL },
  'GET /api/livestream/{streamId}/clips': { allowed: ALL },
  'POST /api/livestream/{streamId}/clips': CLIP,
  'POST /api/recordings/{recordingId}/clips': CLIP,
  'GET /api/clips': { allowed: ALL },
  'GET /api/clips/{clipId}': CLIP,
  'PATCH /api/clips/{clipId}': CLIP,
  'DELETE /api/clips/{clipId}': CLIP,
  'GET /api/clips/{clipId}/chat': CHAT_REPLAY,
  'GET /api/recordings/{recordingId}/chat': CHAT_REPLAY,
  'POST /api/livestream/{streamId}/recordings': {
    skip: 'needs a broadcast: test/api/recordings/recording-routes.test.ts',
  },
  'POST /api/videos': { skip: 'needs headers of tus: test/gateway/videos/uploads.test.ts' },
  'GET /api/videos': { skip: 'depends on the account: test/gateway/videos/uploads.test.ts' },
  'GET /api/videos/{videoId}': { skip: 'needs a video: test/gateway/videos/uploads.test.ts' },
  'PATCH /api/videos/{videoId}': { skip: 'needs a video: test/gateway/videos/uploads.test.ts' },
  'DELETE /api/videos/{videoId}': { skip: 'needs a video: test/gateway/videos/uploads.test.ts' },
  'POST /api/videos/{videoId}/cancel': { skip: 'needs a video: test/gateway/videos/uploads.test.ts' },
  'GET /api/recordings': { skip: 'depends on the account: test/api/recordings/recording-routes.test.ts' },
  'GET /api/recordings/recent': { allowed: ALL },
  'GET /api/videos/recent': { allowed: ALL },
  'GET /api/recordings/{recordingId}': {
    skip: 'needs a recording: test/api/recordings/recording-routes.test.ts',
  },
  'POST /api/recordings/{recordingId}/stop': {
    skip: 'needs a recording: test/api/recordings/recording-routes.test.ts',
  },
  'PATCH /api/recordings/{recordingId}': {
    skip: 'needs a recording: test/api/recordings/recording-routes.test.ts',
  },
  'DELETE /api/recordings/{recordingId}': {
    skip: 'needs a recording: test/api/recordings/recording-routes.test.ts',
  },

  'GET /api/livestream/{streamId}/chat': { allowed: ALL },
  'POST /api/livestream/{streamId}/chat': { allowed: SIGNED_IN, body: ({ name }) => ({ message: name }) },
  'DELETE /api/livestream/{streamId}/chat/{messageId}': { allowed: MODERATORS },
  'GET /api/livestream/{streamId}/chat/settings': { allowed: ALL },
  'PATCH /api/livestream/{streamId}/chat/settings': { allowed: MODERATORS, body: () => ({ slowMode: 0 }) },
  'GET /api/livestream/{streamId}/chat/bans': { allowed: MODERATORS },
  'POST /api/livestream/{streamId}/chat/bans': { allowed: MODERATORS, body: () => userId },
  'DELETE /api/livestream/{streamId}/chat/bans/{userId}': { allowed: MODERATORS, params: userId },
  'POST /api/livestream/{streamId}/chat/purge': { allowed: MODERATORS, body: () => userId },
  'GET /api/livestream/{streamId}/chat/moderators': { allowed: ALL },
  'PUT /api/livestream/{streamId}/chat/moderators/{userId}': { allowed: OWNER, params: userId },
  'DELETE /api/livestream/{streamId}/chat/moderators/{userId}': { allowed: OWNER, params: userId },
  'GET /api/livestream/{streamId}/chat/log': { allowed: MODERATORS },
  'GET /api/livestream/{streamId}/chat/polls': { allowed: ALL },
  'POST /api/livestream/{streamId}/chat/polls': {
    allowed: MODERATORS,
    body: () => ({ question: 'Which?', options: ['this', 'that'], seconds: 60 }),
  },
  'POST /api/livestream/{streamId}/chat/polls/{pollId}/votes': {
    allowed: ACCOUNTS,
    body: () => ({ option: 0 }),
  },
  'POST /api/livestream/{streamId}/chat/polls/{pollId}/close': { allowed: MODERATORS },

  'GET /api/channel': { allowed: CHANNELS },
  'PATCH /api/channel': { allowed: CHANNELS, body: () => ({ defaultTitle: 'A title' }) },
  'POST /api/channel/key': { allowed: CHANNELS, body: empty },
  'GET /api/channel/keys': { allowed: CHANNELS },
  'POST /api/channel/keys': { allowed: CHANNELS, body: () => ({ label: 'test' }) },
  'DELETE /api/channel/keys/{keyId}': { allowed: CHANNELS },
  'POST /api/channel/keys/{keyId}/rotate': { allowed: CHANNELS, body: empty },
  'GET /api/channel/keys/{keyId}/uses': { allowed: CHANNELS },
  'GET /api/users/{userId}/channel': { allowed: ADMINS, params: userId },
  'PATCH /api/users/{userId}/channel': {
    allowed: ADMINS,
    params: userId,
    body: () => ({ defaultTitle: 'A title' }),
  },
  'POST /api/users/{userId}/channel/key': { allowed: ADMINS, params: userId, body: empty },
  'GET /api/users/{userId}/channel/keys': { allowed: ADMINS, params: userId },
  'POST /api/users/{userId}/channel/keys': {
    allowed: ADMINS,
    params: userId,
    body: () => ({ label: 'test' }),
  },
  'DELETE /api/users/{userId}/channel/keys/{keyId}': { allowed: ADMINS, params: userId },
  'POST /api/users/{userId}/channel/keys/{keyId}/rotate': { allowed: ADMINS, params: userId, body: empty },
  'GET /api/users/{userId}/channel/keys/{keyId}/uses': { allowed: ADMINS, params: userId },

  'GET /api/livestream/{streamId}/keys': { allowed: OWNER },
  'POST /api/livestream/{streamId}/keys': { allowed: OWNER, body: () => ({ label: 'test' }) },
  'DELETE /api/livestream/{streamId}/keys/{keyId}': { allowed: OWNER },
  'POST /api/livestream/{streamId}/keys/{keyId}/rotate': { allowed: OWNER, body: empty },
  'GET /api/livestream/{streamId}/keys/{keyId}/uses': { allowed: OWNER },
  'GET /api/livestream/{streamId}/sign-ins': { allowed: OWNER },

  'GET /api/livestream/{streamId}/restream-targets': { allowed: OWNER },
  'POST /api/livestream/{streamId}/restream-targets': { allowed: OWNER, body: restreamTarget },
  'GET /api/livestream/{streamId}/restream-targets/{targetId}': { allowed: OWNER },
  'PATCH /api/livestream/{streamId}/restream-targets/{targetId}': {
    allowed: OWNER,
    body: () => ({ enabled: false }),
  },
  'DELETE /api/livestream/{streamId}/restream-targets/{targetId}': { allowed: OWNER },
  'GET /api/channel/restream-targets': { allowed: CHANNELS },
  'POST /api/channel/restream-targets': { allowed: CHANNELS, body: restreamTarget },
  'GET /api/channel/restream-targets/{targetId}': { allowed: CHANNELS },
  'PATCH /api/channel/restream-targets/{targetId}': { allowed: CHANNELS, body: () => ({ enabled: false }) },
  'DELETE /api/channel/restream-targets/{targetId}': { allowed: CHANNELS },
  'GET /api/users/{userId}/channel/restream-targets': { allowed: ADMINS, params: userId },
  'POST /api/users/{userId}/channel/restream-targets': {
    allowed: ADMINS,
    params: userId,
    body: restreamTarget,
  },
  'GET /api/users/{userId}/channel/restream-targets/{targetId}': { allowed: ADMINS, params: userId },
  'PATCH /api/users/{userId}/channel/restream-targets/{targetId}': {
    allowed: ADMINS,
    params: userId,
    body: () => ({ enabled: false }),
  },
  'DELETE /api/users/{userId}/channel/restream-targets/{targetId}': { allowed: ADMINS, params: userId },

  'GET /api/webhooks': { allowed: ADMINS },
  'POST /api/webhooks': {
    allowed: ADMINS,
    body: () => ({ url: 'https://hooks.example.test/', events: ['broadcast.live'] }),
  },
  'PATCH /api/webhooks/{webhookId}': { allowed: ADMINS, body: () => ({ enabled: false }) },
  'DELETE /api/webhooks/{webhookId}': { allowed: ADMINS },
  'POST /api/webhooks/{webhookId}/test': { allowed: ADMINS },
  'GET /api/webhooks/{webhookId}/deliveries': { allowed: ADMINS },
  'POST /api/webhooks/deliveries/{deliveryId}/replay': { allowed: ADMINS },
};
