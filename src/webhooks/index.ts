export type { Delivery, DeliveryStatus } from './delivery-table.js';
export * from './signature.js';
export * from './webhook-event.js';
export type { Webhook } from './webhook-table.js';
export * from './webhooks.js';
