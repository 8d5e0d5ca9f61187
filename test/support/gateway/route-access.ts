import { PASSWORD } from '../fixtures/accounts-fixture.js';

/** Kinds of clients. The moderator is a viewer appointed for the owner's livestream. */
export const PEOPLE = [
  'anonymous',
  'viewer',
  'moderator',
  'broadcaster',
  'owner',
  'admin',
  'operator',
] as const;
export type Person = (typeof PEOPLE)[number];

const EVERYBODY = [...PEOPLE];
const SIGNED_IN = PEOPLE.filter((person) => person !== 'anonymous');
/** Clients with an account. */
const ACCOUNTS = SIGNED_IN.filter((person) => person !== 'operator');
const BROADCASTERS: Person[] = ['broadcaster', 'owner', 'admin', 'operator'];
const OWNER: Person[] = ['owner', 'admin', 'operator'];
const MODERATORS: Person[] = ['moderator', ...OWNER];
/** Clients with a channel. */
const CHANNELS: Person[] = ['broadcaster', 'owner', 'admin'];
const ADMINS: Person[] = ['admin', 'operator'];

/** Resources of one request, created anew for each request that changes something. */
export type Scene = {
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
      may: readonly Person[];
      /** JSON body, or bytes with their content type. */
      body?: (scene: Scene) => object | { type: string; bytes: Buffer };
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
  | { elsewhere: string };

const MEDIA = { elsewhere: 'media: stream keys admit publishers, the audience admits viewers' };
const userId = { userId: 'somebody' };
const followed = { userId: 'somebody-else' };
const invitee = (scene: Scene): object => ({
  name: scene.name,
  password: PASSWORD,
  invitation: scene.invitation,
});
const empty = (): object => ({});
/** The signature of a PNG and some bytes. */
const picture = () => ({
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
  'GET /ws': { elsewhere: 'everybody, event by event: test/realtime, test/chat' },
  'GET /socket.io/': { elsewhere: 'everybody, event by event: test/realtime, test/chat' },

  'GET /healthz': { may: EVERYBODY },
  'GET /readyz': { may: EVERYBODY },

  'POST /api/auth/register': { may: EVERYBODY, body: invitee },
  'POST /api/auth/login': {
    may: EVERYBODY,
    body: () => ({ name: 'The owner', password: PASSWORD }),
    withoutCsrf: true,
    signsOut: true,
  },
  'POST /api/auth/logout': { may: EVERYBODY, signsOut: true },
  'GET /api/auth/me': { may: EVERYBODY },
  'DELETE /api/auth/me': {
    elsewhere: 'accounts, with their password: test/gateway/people/account-deletion.test.ts',
  },
  'POST /api/auth/password': { may: ACCOUNTS, body: () => ({ current: PASSWORD, password: PASSWORD }) },
  'GET /api/auth/tokens': { may: ACCOUNTS },
  'POST /api/auth/tokens': { may: ACCOUNTS, body: () => ({ label: 'test' }) },
  'DELETE /api/auth/tokens/{id}': { may: ACCOUNTS },
  'GET /api/auth/sessions': { may: ACCOUNTS },
  'DELETE /api/auth/sessions': { may: ACCOUNTS },
  'DELETE /api/auth/sessions/{id}': { may: ACCOUNTS },
  'GET /api/auth/accounts': { may: ADMINS },
  'GET /api/auth/accounts/{id}': { may: ADMINS },
  'PATCH /api/auth/accounts/{id}': { may: ADMINS, body: () => ({ role: 'viewer' }) },
  'DELETE /api/auth/accounts/{id}': { may: ADMINS, body: empty },
  'GET /api/auth/invitations': { may: ADMINS },
  'POST /api/auth/invitations': { may: ADMINS, body: empty },
  'DELETE /api/auth/invitations/{id}': { may: ADMINS },

  'GET /api/users/{userId}/follow': { may: ACCOUNTS, params: followed },
  'PUT /api/users/{userId}/follow': { may: ACCOUNTS, params: followed },
  'DELETE /api/users/{userId}/follow': { may: ACCOUNTS, params: followed },

  'POST /api/livestream/create': { may: BROADCASTERS, body: () => ({ title: 'A test' }) },
  'GET /api/livestream/active': { may: EVERYBODY },
  'GET /api/livestream/upcoming': { may: EVERYBODY },
  'GET /api/livestream/user/{userId}': { may: EVERYBODY, params: userId },
  'GET /api/livestream/{streamId}': { may: EVERYBODY },
  'PATCH /api/livestream/{streamId}': { may: OWNER, body: () => ({ title: 'Another title' }) },
  'DELETE /api/livestream/{streamId}': { may: OWNER },
  'POST /api/livestream/{streamId}/start': { may: OWNER },
  'POST /api/livestream/{streamId}/end': { may: OWNER, body: empty },
  'POST /api/livestream/{streamId}/kick': { may: OWNER },
  'GET /api/livestream/{streamId}/stats': { may: EVERYBODY },
  'GET /api/livestream/{streamId}/guests': { may: OWNER },
  'PUT /api/livestream/{streamId}/guests/{userId}': { may: OWNER, params: userId },
  'DELETE /api/livestream/{streamId}/guests/{userId}': { may: OWNER, params: userId },
  'GET /api/livestream/{streamId}/thumbnail': { may: EVERYBODY },
  'PUT /api/livestream/{streamId}/thumbnail': { may: OWNER, body: picture },
  'DELETE /api/livestream/{streamId}/thumbnail': { may: OWNER },

  'POST /api/livestream/{streamId}/join': { may: EVERYBODY, body: empty, withoutCsrf: true },
  'POST /api/livestream/{streamId}/leave': {
    may: EVERYBODY,
    body: empty,
    withoutCsrf: true,
    alwaysSucceeds: true,
  },
  'POST /api/livestream/{streamId}/beacon': {
    elsewhere: 'whoever has a viewer token: test/api/viewers/viewer-routes.test.ts',
  },
  'GET /api/livestream/{streamId}/viewers': { may: EVERYBODY },

  'GET /api/livestream/{streamId}/chat': { may: EVERYBODY },
  'POST /api/livestream/{streamId}/chat': { may: SIGNED_IN, body: ({ name }) => ({ message: name }) },
  'DELETE /api/livestream/{streamId}/chat/{messageId}': { may: MODERATORS },
  'GET /api/livestream/{streamId}/chat/settings': { may: EVERYBODY },
  'PATCH /api/livestream/{streamId}/chat/settings': { may: MODERATORS, body: () => ({ slowMode: 0 }) },
  'GET /api/livestream/{streamId}/chat/bans': { may: MODERATORS },
  'POST /api/livestream/{streamId}/chat/bans': { may: MODERATORS, body: () => userId },
  'DELETE /api/livestream/{streamId}/chat/bans/{userId}': { may: MODERATORS, params: userId },
  'POST /api/livestream/{streamId}/chat/purge': { may: MODERATORS, body: () => userId },
  'GET /api/livestream/{streamId}/chat/moderators': { may: EVERYBODY },
  'PUT /api/livestream/{streamId}/chat/moderators/{userId}': { may: OWNER, params: userId },
  'DELETE /api/livestream/{streamId}/chat/moderators/{userId}': { may: OWNER, params: userId },
  'GET /api/livestream/{streamId}/chat/log': { may: MODERATORS },
  'GET /api/livestream/{streamId}/chat/polls': { may: EVERYBODY },
  'POST /api/livestream/{streamId}/chat/polls': {
    may: MODERATORS,
    body: () => ({ question: 'Which?', options: ['this', 'that'], seconds: 60 }),
  },
  'POST /api/livestream/{streamId}/chat/polls/{pollId}/votes': { may: ACCOUNTS, body: () => ({ option: 0 }) },
  'POST /api/livestream/{streamId}/chat/polls/{pollId}/close': { may: MODERATORS },

  'GET /api/channel': { may: CHANNELS },
  'PATCH /api/channel': { may: CHANNELS, body: () => ({ defaultTitle: 'A title' }) },
  'POST /api/channel/key': { may: CHANNELS, body: empty },
  'GET /api/channel/keys': { may: CHANNELS },
  'POST /api/channel/keys': { may: CHANNELS, body: () => ({ label: 'test' }) },
  'DELETE /api/channel/keys/{keyId}': { may: CHANNELS },
  'POST /api/channel/keys/{keyId}/rotate': { may: CHANNELS, body: empty },
  'GET /api/channel/keys/{keyId}/uses': { may: CHANNELS },
  'GET /api/users/{userId}/channel': { may: ADMINS, params: userId },
  'PATCH /api/users/{userId}/channel': {
    may: ADMINS,
    params: userId,
    body: () => ({ defaultTitle: 'A title' }),
  },
  'POST /api/users/{userId}/channel/key': { may: ADMINS, params: userId, body: empty },
  'GET /api/users/{userId}/channel/keys': { may: ADMINS, params: userId },
  'POST /api/users/{userId}/channel/keys': { may: ADMINS, params: userId, body: () => ({ label: 'test' }) },
  'DELETE /api/users/{userId}/channel/keys/{keyId}': { may: ADMINS, params: userId },
  'POST /api/users/{userId}/channel/keys/{keyId}/rotate': { may: ADMINS, params: userId, body: empty },
  'GET /api/users/{userId}/channel/keys/{keyId}/uses': { may: ADMINS, params: userId },

  'GET /api/livestream/{streamId}/keys': { may: OWNER },
  'POST /api/livestream/{streamId}/keys': { may: OWNER, body: () => ({ label: 'test' }) },
  'DELETE /api/livestream/{streamId}/keys/{keyId}': { may: OWNER },
  'POST /api/livestream/{streamId}/keys/{keyId}/rotate': { may: OWNER, body: empty },
  'GET /api/livestream/{streamId}/keys/{keyId}/uses': { may: OWNER },
  'GET /api/livestream/{streamId}/sign-ins': { may: OWNER },

  'GET /api/webhooks': { may: ADMINS },
  'POST /api/webhooks': {
    may: ADMINS,
    body: () => ({ url: 'https://hooks.example.test/', events: ['broadcast.live'] }),
  },
  'PATCH /api/webhooks/{webhookId}': { may: ADMINS, body: () => ({ enabled: false }) },
  'DELETE /api/webhooks/{webhookId}': { may: ADMINS },
  'POST /api/webhooks/{webhookId}/test': { may: ADMINS },
  'GET /api/webhooks/{webhookId}/deliveries': { may: ADMINS },
  'POST /api/webhooks/deliveries/{deliveryId}/replay': { may: ADMINS },
};
