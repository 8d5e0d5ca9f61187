import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Principal } from '../../accounts/index.js';
import type { AuditLog, AuditRecord } from '../../audit/index.js';
import type { Guards } from '../server/guards.js';

type Audited = {
  action: string;
  /** Fields of the body that are stored. */
  fields?: readonly string[];
  /** Fields of which only the presence is stored: secrets. */
  secrets?: readonly string[];
};

const MAXIMUM_TEXT = 200;
const KEY_FIELDS = { fields: ['label', 'overlapSeconds', 'expiresAt'] };

/** Routes below an owner of stream keys. */
function keyRoutes(prefix: string, owner: string): Record<string, Audited> {
  return {
    [`POST ${prefix}/keys`]: { action: `${owner}-key.create`, ...KEY_FIELDS },
    [`DELETE ${prefix}/keys/:keyId`]: { action: `${owner}-key.revoke` },
    [`POST ${prefix}/keys/:keyId/rotate`]: { action: `${owner}-key.rotate`, ...KEY_FIELDS },
  };
}

/** Routes that are audited when they succeed, by method and path. */
export const AUDITED_ROUTES: Readonly<Record<string, Audited>> = {
  'POST /api/auth/register': { action: 'account.create', fields: ['name', 'role'] },
  'PATCH /api/auth/accounts/:id': {
    ...{ action: 'account.change', fields: ['role', 'disabled'], secrets: ['password'] },
  },
  'DELETE /api/auth/accounts/:id': { action: 'account.delete', fields: ['purgeMessages'] },
  'DELETE /api/auth/me': { action: 'account.delete-own', fields: ['purgeMessages'] },
  'POST /api/auth/password': { action: 'account.change-password', fields: ['keepTokens'] },
  'POST /api/auth/tokens': { action: 'token.create', fields: ['label'] },
  'DELETE /api/auth/tokens/:id': { action: 'token.delete' },
  'POST /api/auth/invitations': { action: 'invitation.create', fields: ['role', 'days'] },
  'DELETE /api/auth/invitations/:id': { action: 'invitation.revoke' },
  'DELETE /api/livestream/:streamId': { action: 'livestream.delete' },
  'POST /api/livestream/:streamId/end': { action: 'livestream.end' },
  'POST /api/livestream/:streamId/kick': { action: 'publisher.kick' },
  'DELETE /api/recordings/:recordingId': { action: 'recording.delete' },
  'DELETE /api/clips/:clipId': { action: 'clip.delete' },
  'DELETE /api/videos/:videoId': { action: 'video.delete' },
  'POST /api/livestream/:streamId/chat/bans': {
    ...{ action: 'ban.create', fields: ['userId', 'seconds', 'reason', 'address', 'purge'] },
  },
  'DELETE /api/livestream/:streamId/chat/bans/:userId': { action: 'ban.lift' },
  'POST /api/livestream/:streamId/chat/purge': { action: 'messages.purge', fields: ['userId'] },
  'PUT /api/livestream/:streamId/chat/moderators/:userId': { action: 'moderator.appoint' },
  'DELETE /api/livestream/:streamId/chat/moderators/:userId': { action: 'moderator.dismiss' },
  ...keyRoutes('/api/livestream/:streamId', 'stream'),
  ...keyRoutes('/api/channel', 'channel'),
  ...keyRoutes('/api/users/:userId/channel', 'channel'),
  'POST /api/channel/key': { action: 'channel-key.rotate', ...KEY_FIELDS },
  'POST /api/users/:userId/channel/key': { action: 'channel-key.rotate', ...KEY_FIELDS },
  'POST /api/webhooks': { action: 'webhook.create', fields: ['url'], secrets: ['secret'] },
  'PATCH /api/webhooks/:webhookId': {
    ...{ action: 'webhook.change', fields: ['url', 'enabled'], secrets: ['secret'] },
  },
  'DELETE /api/webhooks/:webhookId': { action: 'webhook.delete' },
};

export type AuditHookOptions = {
  audit: Pick<AuditLog, 'record'>;
  guards: Pick<Guards, 'principal'>;
};

/** Records successful requests of audited routes that are registered after it. */
export function addAuditHook(app: FastifyInstance, { audit, guards }: AuditHookOptions): void {
  app.addHook('onResponse', async (request, reply) => {
    const audited = AUDITED_ROUTES[`${request.method} ${request.routeOptions.url}`];
    if (!audited || reply.statusCode >= 400) return;
    const actor = actorOf(guards.principal(request));
    // An account that registers itself changes nothing of others.
    if (!actor) return;
    const target = Object.fromEntries(
      Object.entries(request.params as Record<string, unknown>).map(([name, id]) => [name, textOf(id)]),
    );
    audit.record({
      ...{ actor, target, action: audited.action, address: request.ip },
      details: detailsOf(audited, request),
    });
  });
}

/** Records the sign-in of an administrator. */
export function recordAdminSignIn(
  audit: Pick<AuditLog, 'record'>,
  account: { id: string; name: string; role: string },
  address: string,
): void {
  if (account.role !== 'admin') return;
  const actor = { kind: 'account' as const, userId: account.id, name: account.name };
  audit.record({ actor, action: 'admin.sign-in', target: {}, details: null, address });
}

function actorOf(principal: Principal): AuditRecord['actor'] | undefined {
  if (principal.kind === 'anonymous') return undefined;
  if (principal.kind === 'operator') return { kind: 'operator' };
  return { kind: 'account', userId: principal.userId, name: principal.name };
}

function detailsOf({ fields = [], secrets = [] }: Audited, { body }: FastifyRequest): AuditRecord['details'] {
  const given = (body ?? {}) as Record<string, unknown>;
  const details: NonNullable<AuditRecord['details']> = {};
  for (const name of fields) {
    const value = given[name];
    if (value === undefined) continue;
    details[name] =
      typeof value === 'number' || typeof value === 'boolean' || value === null ? value : textOf(value);
  }
  for (const name of secrets) if (given[name] !== undefined) details[`${name}Changed`] = true;
  return Object.keys(details).length === 0 ? null : details;
}

/** JSON of PostgreSQL takes neither U+0000 nor halves of characters. */
function textOf(value: unknown): string {
  return String(value)
    .slice(0, MAXIMUM_TEXT)
    .replace(/\0|\p{Cs}/gu, '');
}
