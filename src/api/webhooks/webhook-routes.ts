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
        summary: 'Create a webhook',
        description:
          'Events are sent by POST as `{type, timestamp, data}`, signed according to standardwebhooks.com. 400 `url_not_allowed`: the URL may not be used.',
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
          'A disabled webhook gets no new deliveries; pending ones continue when it is enabled again. A response of 410 disables the webhook.',
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
        summary: 'Delete a webhook and its deliveries',
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
        summary: 'Test a webhook',
        description: 'Sends the event `ping` once; its delivery has the result.',
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
        summary: 'List deliveries of a webhook, newest first',
        description:
          'Delivered ones are kept for `KEEP_WEBHOOK_DELIVERIES_DAYS` (default: 30), failed ones three times as long.',
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
        summary: 'Repeat a finished delivery',
        description: 'Uses the same `webhook-id`. 409 `delivery_pending`: the delivery is not finished.',
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

/** Converts a webhook for responses; its secret is not in it. */
export function toWebhook({ id, url, events, createdAt, disabledAt }: StoredWebhook): Webhook {
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
