import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import type { Delivery, Webhook as StoredWebhook, Webhooks } from '../../webhooks/index.js';
import {
  CreateWebhookRequest,
  CreateWebhookResponse,
  CursorPageQuery,
  Id,
  PingResponse,
  ref,
  SuccessResponse,
  UpdateWebhookRequest,
  type Webhook,
  WebhookDeliveriesResponse,
  type WebhookDelivery,
  WebhookDeliveryResponse,
  WebhookResponse,
  WebhooksResponse,
} from '../contract.js';
import { errorSchemas } from '../server/error-response.js';
import { CHANGING_SECURITY, type Guards, READING_SECURITY } from '../server/guards.js';
import { BEFORE_LAST, boundOffset, readNumbers } from '../server/number-query.js';

const WebhookParams = Type.Object({ webhookId: Id });
const DeliveryParams = Type.Object({ deliveryId: Id });
const DeliveriesQuery = Type.Object(
  {
    ...CursorPageQuery.properties,
    status: Type.Optional(Type.Enum(['pending', 'delivered', 'failed'])),
  },
  { additionalProperties: false },
);

export type WebhookRoutesOptions = {
  webhooks: Pick<Webhooks, 'list' | 'create' | 'update' | 'remove' | 'ping' | 'deliveries' | 'replay'>;
  guards: Guards;
};

/** `/api/webhooks`: webhook subscriptions, for admins and the operator. */
export const webhookRoutes: FastifyPluginAsync<WebhookRoutesOptions> = async (app, options) => {
  await app.register(routes, { ...options, prefix: '/api/webhooks' });
};

const routes: FastifyPluginAsync<WebhookRoutesOptions> = async (plain, { webhooks, guards }) => {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const tags = ['webhooks'];
  const errors = errorSchemas(400, 401, 403, 404, 429, 500, 503);
  const changeErrors = { ...errors, ...errorSchemas(409, 413, 415) };
  app.addHook('onRequest', guards.admin);
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });

  app.get(
    '',
    {
      schema: {
        summary: 'All webhooks',
        tags,
        security: READING_SECURITY,
        response: { 200: ref(WebhooksResponse), ...errorSchemas(401, 403, 429, 500, 503) },
      },
    },
    async () => ({ webhooks: (await webhooks.list()).map(toWebhook) }),
  );

  app.post(
    '',
    {
      schema: {
        summary: 'Make a webhook',
        description:
          'Every event is POSTed as `{type, timestamp, data}` and signed as standardwebhooks.com says. An address that may not be used: 400 `url_not_allowed`.',
        tags,
        security: CHANGING_SECURITY,
        body: ref(CreateWebhookRequest),
        response: { 201: ref(CreateWebhookResponse), ...changeErrors },
      },
    },
    async (request, reply) => {
      const { webhook, secret } = await webhooks.create(request.body);
      return reply.code(201).send({ webhook: toWebhook(webhook), secret });
    },
  );

  app.patch(
    '/:webhookId',
    {
      schema: {
        summary: 'Change a webhook, disable or enable it',
        description:
          'While it is disabled nothing new is kept for it; what waits goes on when it is enabled again. A receiver that answers 410 is disabled.',
        tags,
        security: CHANGING_SECURITY,
        params: WebhookParams,
        body: ref(UpdateWebhookRequest),
        response: { 200: ref(WebhookResponse), ...changeErrors },
      },
    },
    async (request) => {
      return { webhook: toWebhook(await webhooks.update(request.params.webhookId, request.body)) };
    },
  );

  app.delete(
    '/:webhookId',
    {
      schema: {
        summary: 'Remove a webhook, with its deliveries',
        tags,
        security: CHANGING_SECURITY,
        params: WebhookParams,
        response: { 200: ref(SuccessResponse), ...errors },
      },
    },
    async (request) => {
      await webhooks.remove(request.params.webhookId);
      return { success: true as const };
    },
  );

  app.post(
    '/:webhookId/test',
    {
      schema: {
        summary: 'Try a webhook out',
        description: 'Sends the event `ping`, once: its delivery says how it went.',
        tags,
        security: CHANGING_SECURITY,
        params: WebhookParams,
        response: { 202: ref(PingResponse), ...changeErrors },
      },
    },
    async (request, reply) => {
      return reply.code(202).send({ deliveryId: await webhooks.ping(request.params.webhookId) });
    },
  );

  app.get(
    '/:webhookId/deliveries',
    {
      preValidation: [readNumbers, boundOffset(BEFORE_LAST)],
      schema: {
        summary: 'What a webhook was told, the newest first',
        description:
          'Delivered ones are kept for 30 days, failed ones for 90, unless the gateway is set to keep them longer or shorter.',
        tags,
        security: READING_SECURITY,
        params: WebhookParams,
        querystring: DeliveriesQuery,
        response: { 200: ref(WebhookDeliveriesResponse), ...errors },
      },
    },
    async (request) => {
      const found = await webhooks.deliveries(request.params.webhookId, request.query);
      return { deliveries: found.map(toDelivery) };
    },
  );

  app.post(
    '/deliveries/:deliveryId/replay',
    {
      schema: {
        summary: 'Send a delivery again that has ended',
        description: 'With the same `webhook-id`. One that is under way: 409 `delivery_pending`.',
        tags,
        security: CHANGING_SECURITY,
        params: DeliveryParams,
        response: { 202: ref(WebhookDeliveryResponse), ...changeErrors },
      },
    },
    async (request, reply) => {
      const delivery = await webhooks.replay(request.params.deliveryId);
      return reply.code(202).send({ delivery: toDelivery(delivery) });
    },
  );
};

function toWebhook({ id, url, events, createdAt, disabledAt }: StoredWebhook): Webhook {
  return {
    id,
    url,
    events,
    enabled: disabledAt === null,
    createdAt: createdAt.toISOString(),
    disabledAt: disabledAt?.toISOString() ?? null,
  };
}

function toDelivery(delivery: Delivery): WebhookDelivery {
  const { status, nextAttemptAt, lastAttemptAt, createdAt, deliveredAt } = delivery;
  return {
    ...delivery,
    nextAttemptAt: status === 'pending' ? nextAttemptAt.toISOString() : null,
    lastAttemptAt: lastAttemptAt?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
    deliveredAt: deliveredAt?.toISOString() ?? null,
  };
}
