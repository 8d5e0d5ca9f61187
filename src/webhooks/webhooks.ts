import {
  type Clock,
  type Logger,
  Mutex,
  newId,
  PublicError,
  type Sql,
  Sweeper,
  TargetPolicy,
} from '../platform/index.js';
import { DeliveryQueue } from './delivery-queue.js';
import { type Delivery, type DeliveryStatus, DeliveryTable } from './delivery-table.js';
import { Dispatcher } from './dispatcher.js';
import { generateWebhookSecret, isWebhookSecret } from './signature.js';
import { PING, type WebhookData, type WebhookEvent } from './webhook-event.js';
import { type Webhook, type WebhookChanges, WebhookTable } from './webhook-table.js';

const MAX_WEBHOOKS = 50;
/** Retention of failed deliveries as a multiple of `keepDays`, for later inspection. */
const FAILED_RETENTION_FACTOR = 3;

export type WebhooksOptions = {
  sql: Sql;
  /** Allows targets at private addresses and on this machine. */
  privateAddresses: boolean;
  /** Release, for `User-Agent`. */
  version: string;
  /** Retention of delivered messages, days. 0, the default: unlimited, also for failed ones. */
  keepDays?: number;
  clock: Clock;
  log: Logger;
  /** Source of the retry jitter; `Math.random` by default. */
  random?: () => number;
};

export type WebhookRequest = { url: string; events: WebhookEvent[]; secret?: string | undefined };
export type WebhookUpdate = Partial<WebhookRequest> & { enabled?: boolean | undefined };

export function createWebhooks(options: WebhooksOptions): Webhooks {
  return new Webhooks(options);
}

/** Manages webhooks and their deliveries. */
export class Webhooks {
  readonly #options: WebhooksOptions;
  readonly #policy: TargetPolicy;
  readonly #table: WebhookTable;
  readonly #deliveries: DeliveryTable;
  readonly #queue: DeliveryQueue;
  readonly #dispatcher: Dispatcher;
  readonly #sweepers: Sweeper[];
  /** Copy of the table, which this process alone changes. */
  #webhooks: Webhook[] = [];
  #closed: Promise<void> | undefined;

  constructor(options: WebhooksOptions) {
    const { sql, clock, log, privateAddresses, version, random = Math.random } = options;
    this.#options = options;
    this.#policy = new TargetPolicy({ privateAddresses });
    this.#table = new WebhookTable(sql);
    this.#deliveries = new DeliveryTable(sql);
    this.#dispatcher = new Dispatcher({
      table: this.#deliveries,
      policy: this.#policy,
      onGone: async (id) => {
        log.warn({ webhookId: id }, 'webhook disabled: its receiver answered 410');
        await this.#table.update(id, { disabledAt: this.#now() });
        await this.#reload();
      },
      clock,
      log,
      agent: `Headend/${version}`,
      random,
    });
    const days = options.keepDays ?? 0;
    this.#sweepers = (['delivered', 'failed'] as const).map(
      (status) =>
        new Sweeper({
          rowsName: `${status} webhook messages`,
          days: status === 'failed' ? FAILED_RETENTION_FACTOR * days : days,
          sweep: (before, atMost) => this.#deliveries.sweep(status, before, atMost),
          clock,
          log,
        }),
    );
    this.#queue = new DeliveryQueue({
      table: this.#deliveries,
      onStored: () => this.#dispatcher.schedulePoll(),
      clock,
      log,
    });
  }

  /** Resumes pending deliveries. Events before `start` are not sent. */
  async start(): Promise<void> {
    await this.#reload();
    for (const sweeper of this.#sweepers) sweeper.start();
    this.#dispatcher.schedulePoll();
  }

  /** Stores queued deliveries and aborts attempts in flight; they are sent again after the next start. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    for (const sweeper of this.#sweepers) sweeper.close();
    await this.#queue.close();
    await this.#dispatcher.close();
  }

  /** Queues an event for every enabled webhook subscribed to it. Returns at once, never throws. */
  emit(...[event, data]: { [E in WebhookEvent]: [E, WebhookData[E]] }[WebhookEvent]): void {
    if (this.#closed) return;
    const createdAt = this.#now();
    const payload = { type: event, timestamp: createdAt.toISOString(), data };
    for (const { id: webhookId, events, disabledAt } of this.#webhooks)
      if (disabledAt === null && events.includes(event))
        this.#queue.add({ id: newId(), webhookId, event, payload, createdAt });
  }

  /** Returns all webhooks, oldest first. */
  async list(): Promise<Webhook[]> {
    return await this.#table.list();
  }

  /**
   * Creates an enabled webhook.
   *
   * @returns the webhook and its secret, which is not readable later
   * @throws PublicError 400 `url_not_allowed`, `secret_invalid`, 409 `too_many_webhooks`
   */
  async create({ url, events, secret }: WebhookRequest): Promise<{ webhook: Webhook; secret: string }> {
    const checked = {
      url: this.#policy.check(url).href,
      secret: secret === undefined ? generateWebhookSecret() : checkSecret(secret),
    };
    const newWebhook = { ...checked, id: newId(), events: [...new Set(events)], createdAt: this.#now() };
    const webhook = await this.#table.insert(newWebhook, MAX_WEBHOOKS);
    if (!webhook)
      throw new PublicError(
        409,
        'too_many_webhooks',
        `There may be ${MAX_WEBHOOKS} webhooks: delete one first.`,
      );
    await this.#reload();
    return { webhook, secret: checked.secret };
  }

  /**
   * Changes the given fields. A disabled webhook gets no new deliveries; pending ones resume when it is enabled.
   *
   * @throws PublicError 400 `url_not_allowed`, `secret_invalid`, 404 `webhook_not_found`
   */
  async update(id: string, update: WebhookUpdate): Promise<Webhook> {
    const { url, events, secret, enabled } = update;
    const changes: WebhookChanges = {};
    if (url !== undefined) changes.url = this.#policy.check(url).href;
    if (events !== undefined) changes.events = [...new Set(events)];
    if (secret !== undefined) changes.secret = checkSecret(secret);
    if (enabled !== undefined) changes.disabledAt = enabled ? null : this.#now();
    const webhook = await this.#table.update(id, changes);
    if (!webhook) throw notFound();
    await this.#reload();
    this.#dispatcher.schedulePoll();
    return webhook;
  }

  /** Deletes a webhook and its deliveries. @throws PublicError 404 `webhook_not_found` */
  async remove(id: string): Promise<void> {
    if (!(await this.#table.delete(id))) throw notFound();
    await this.#reload();
  }

  /**
   * Queues one test event.
   *
   * @returns the delivery id
   * @throws PublicError 404 `webhook_not_found`, 409 `webhook_disabled`
   */
  async ping(id: string): Promise<string> {
    this.#requireEnabled(id);
    const createdAt = this.#now();
    const payload = { type: PING, timestamp: createdAt.toISOString(), data: { webhookId: id } };
    const deliveryId = newId();
    await this.#deliveries.insert([{ id: deliveryId, webhookId: id, event: PING, payload, createdAt }]);
    this.#dispatcher.schedulePoll();
    return deliveryId;
  }

  /** Returns deliveries, newest first. @throws PublicError 404 `webhook_not_found` */
  async deliveries(
    id: string,
    page: { status?: DeliveryStatus | undefined; limit: number; offset: number; before?: string | undefined },
  ): Promise<Delivery[]> {
    this.#requireWebhook(id);
    return await this.#deliveries.list(id, page);
  }

  /**
   * Sends a finished delivery again under the same id, with all attempts.
   *
   * @throws PublicError 404 `delivery_not_found`, 409 `delivery_pending`, `webhook_disabled`
   */
  async replay(deliveryId: string): Promise<Delivery> {
    const delivery = await this.#deliveries.find(deliveryId);
    if (!delivery) throw new PublicError(404, 'delivery_not_found', 'There is no such delivery.');
    this.#requireEnabled(delivery.webhookId);
    const begun = await this.#deliveries.reset(deliveryId, this.#now());
    if (!begun) throw new PublicError(409, 'delivery_pending', 'This delivery is pending already.');
    this.#dispatcher.schedulePoll();
    return begun;
  }

  #requireWebhook(id: string): Webhook {
    const webhook = this.#webhooks.find((candidate) => candidate.id === id.toLowerCase());
    if (!webhook) throw notFound();
    return webhook;
  }

  #requireEnabled(id: string): void {
    if (this.#requireWebhook(id).disabledAt === null) return;
    throw new PublicError(409, 'webhook_disabled', 'This webhook is disabled: enable it first.');
  }

  /** Serialised, so that an older result does not overwrite a newer one. */
  readonly #reloads = new Mutex();
  #reload(): Promise<void> {
    return this.#reloads.run(async () => {
      this.#webhooks = await this.#table.list();
    });
  }

  #now(): Date {
    return new Date(this.#options.clock.now());
  }
}

function checkSecret(secret: string): string {
  if (isWebhookSecret(secret)) return secret;
  throw new PublicError(
    400,
    'secret_invalid',
    'A secret is written as whsec_ and 24 to 64 bytes in base64 (Standard Webhooks).',
  );
}

function notFound(): PublicError {
  return new PublicError(404, 'webhook_not_found', 'There is no such webhook.');
}
