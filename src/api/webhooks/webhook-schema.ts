import { type Static, Type } from 'typebox';
import { Id, nullable, ref, Time, WEB_ADDRESS } from '../server/common-schema.js';

const Event = Type.Enum([
  'broadcast.live',
  'broadcast.reconnecting',
  'broadcast.ended',
  'recording.ready',
  'viewers.peak',
]);
const Events = Type.Array(Event, { minItems: 1, maxItems: 5, uniqueItems: true });
const Url = Type.String({ maxLength: 2_000, pattern: WEB_ADDRESS });
const Secret = Type.String({
  maxLength: 200,
  description: 'Signing secret (HMAC-SHA256, standardwebhooks.com): `whsec_` and 24 to 64 bytes in base64',
});

export const Webhook = Type.Object(
  {
    id: Id,
    url: Type.String(),
    events: Type.Array(Event),
    enabled: Type.Boolean(),
    createdAt: Time,
    disabledAt: nullable(Time),
  },
  { $id: 'Webhook' },
);
export type Webhook = Static<typeof Webhook>;

export const CreateWebhookRequest = Type.Object(
  { url: Url, events: Events, secret: Type.Optional(Secret) },
  {
    $id: 'CreateWebhookRequest',
    additionalProperties: false,
    examples: [{ url: 'https://platform.example/hooks/live', events: ['broadcast.live', 'broadcast.ended'] }],
  },
);
export type CreateWebhookRequest = Static<typeof CreateWebhookRequest>;

export const UpdateWebhookRequest = Type.Object(
  {
    url: Type.Optional(Url),
    events: Type.Optional(Events),
    secret: Type.Optional(Secret),
    enabled: Type.Optional(Type.Boolean()),
  },
  { $id: 'UpdateWebhookRequest', additionalProperties: false },
);
export type UpdateWebhookRequest = Static<typeof UpdateWebhookRequest>;

export const WebhooksResponse = Type.Object(
  { webhooks: Type.Array(ref(Webhook)) },
  { $id: 'WebhooksResponse' },
);
export type WebhooksResponse = Static<typeof WebhooksResponse>;

export const WebhookResponse = Type.Object({ webhook: ref(Webhook) }, { $id: 'WebhookResponse' });
export type WebhookResponse = Static<typeof WebhookResponse>;

export const CreateWebhookResponse = Type.Object(
  {
    webhook: ref(Webhook),
    secret: Type.String({ description: 'Shown only in this response, for receivers to verify signatures' }),
  },
  { $id: 'CreateWebhookResponse' },
);
export type CreateWebhookResponse = Static<typeof CreateWebhookResponse>;

export const PingResponse = Type.Object({ deliveryId: Id }, { $id: 'PingResponse' });
export type PingResponse = Static<typeof PingResponse>;

export const WebhookDelivery = Type.Object(
  {
    id: Type.String({
      format: 'uuid',
      description: 'Equal to the header `webhook-id` of all attempts',
    }),
    webhookId: Id,
    event: Type.String(),
    payload: Type.Object({ type: Type.String(), timestamp: Time, data: Type.Unknown() }),
    status: Type.Enum(['pending', 'delivered', 'failed']),
    attempts: Type.Integer(),
    nextAttemptAt: nullable(Time),
    lastAttemptAt: nullable(Time),
    responseStatus: nullable(Type.Integer({ description: 'HTTP status of the last response' })),
    error: nullable(Type.String({ description: 'Reason of the last failure' })),
    createdAt: Time,
    deliveredAt: nullable(Time),
  },
  { $id: 'WebhookDelivery' },
);
export type WebhookDelivery = Static<typeof WebhookDelivery>;

export const WebhookDeliveriesResponse = Type.Object(
  { deliveries: Type.Array(ref(WebhookDelivery)) },
  { $id: 'WebhookDeliveriesResponse' },
);
export type WebhookDeliveriesResponse = Static<typeof WebhookDeliveriesResponse>;

export const WebhookDeliveryResponse = Type.Object(
  { delivery: ref(WebhookDelivery) },
  { $id: 'WebhookDeliveryResponse' },
);
export type WebhookDeliveryResponse = Static<typeof WebhookDeliveryResponse>;

export const WEBHOOK_SCHEMAS = [
  Webhook,
  CreateWebhookRequest,
  UpdateWebhookRequest,
  WebhooksResponse,
  WebhookResponse,
  CreateWebhookResponse,
  PingResponse,
  WebhookDelivery,
  WebhookDeliveriesResponse,
  WebhookDeliveryResponse,
];
