import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync } from 'fastify';
import type { AuditEntry, AuditLog } from '../../audit/index.js';
import type { Livestreams, StreamRegistry } from '../../streams/index.js';
import {
  type AuditEntryView,
  AuditQueryString,
  AuditResponse,
  type NodeHealth,
  NodeHealthResponse,
  NodeSettingsResponse,
  ref,
  StreamsResponse,
} from '../contract.js';
import type { LivestreamLookup } from '../livestreams/livestream-lookup.js';
import { errorSchemas } from '../server/error-response.js';
import { type Guards, READING_SECURITY } from '../server/guards.js';
import { readNumbers } from '../server/number-query.js';

export type AdminRoutesOptions = {
  /** State of this gateway and its machine. */
  nodeHealth(): Promise<NodeHealth>;
  /** Settings in force, without secrets. */
  settings: NodeSettingsResponse['settings'];
  streams: Pick<StreamRegistry, 'streamIds'>;
  livestreams: Pick<Livestreams, 'findAll'>;
  lookup: LivestreamLookup;
  audit: Pick<AuditLog, 'list'>;
  guards: Guards;
};

/** `/api/admin`: the running gateway and the audit log, for admins and the operator. */
export const adminRoutes: FastifyPluginAsync<AdminRoutesOptions> = async (app, options) => {
  await app.register(routes, { ...options, prefix: '/api/admin' });
};

const routes: FastifyPluginAsync<AdminRoutesOptions> = async (plain, options) => {
  const { nodeHealth, settings, streams, livestreams, lookup, audit, guards } = options;
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const shared = { tags: ['administration'], security: READING_SECURITY };
  const errors = errorSchemas(400, 401, 403, 429, 500, 503);
  app.addHook('onRequest', guards.admin);
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });

  app.get(
    '/node',
    {
      schema: {
        summary: 'Get the state of this gateway and its machine',
        ...shared,
        response: { 200: ref(NodeHealthResponse), ...errors },
      },
    },
    async () => ({ node: await nodeHealth() }),
  );

  app.get(
    '/settings',
    {
      schema: {
        summary: 'Get the ladder, the limits and the retention in force',
        ...shared,
        response: { 200: ref(NodeSettingsResponse), ...errors },
      },
    },
    async () => ({ settings }),
  );

  app.get(
    '/sessions',
    {
      schema: {
        summary: 'List all broadcasts that run or wait for their publisher, with sources and viewers',
        description:
          'Private livestreams and private tests too. `POST /api/livestream/{streamId}/kick` disconnects.',
        ...shared,
        response: { 200: ref(StreamsResponse), ...errors },
      },
    },
    async () => {
      const found = await livestreams.findAll(streams.streamIds);
      return { streams: await Promise.all(found.map((livestream) => lookup.show(livestream))) };
    },
  );

  app.get(
    '/audit',
    {
      preValidation: readNumbers,
      schema: {
        summary: 'List who changed what, newest first',
        description:
          'Sign-ins of administrators, accounts, roles, invitations, stream keys, tokens, deletions, kicks, bans, moderators, webhooks. Kept for `KEEP_AUDIT_DAYS` (default: 365).',
        ...shared,
        querystring: AuditQueryString,
        response: { 200: ref(AuditResponse), ...errors },
      },
    },
    async (request) => ({ entries: (await audit.list(request.query)).map(toAuditView) }),
  );
};

function toAuditView({ id, at, actorKind, actorId, actorName, ...entry }: AuditEntry): AuditEntryView {
  return {
    ...{ id, at: at.toISOString(), actor: { kind: actorKind, id: actorId, name: actorName } },
    ...entry,
  };
}
