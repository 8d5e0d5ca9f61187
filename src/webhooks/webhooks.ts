import { type Clock, type Logger, newId, PublicError, type Sql, Sweeper } from '../platform/index.js';
import { DeliveryQueue } from './delivery-queue.js';
import { type Delivery, type DeliveryStatus, DeliveryTable } from './delivery-table.js';
import { Dispatcher } from './dispatcher.js';
import { isWebhookSecret, mintWebhookSecret } from './signature.js';
import { TargetPolicy } from './target-policy.js';
import { PING, type WebhookData, type WebhookEvent } from './webhook-event.js';
import { type Webhook, type WebhookChanges, WebhookTable } from './webhook-table.js';

const MAXIMUM_WEBHOOKS = 50;
/** What failed is kept so many times as long as what was delivered: somebody may have to look at it. */
const FAILED_TIMES = 3;

export type WebhooksOptions = {
  sql: Sql;
  /** Whether webhooks may lead to private addresses and to this machine. */
  privateAddresses: boolean;
  /** The release, for `User-Agent`. */
  version: string;
  /** How long what was delivered is kept, in days; 0, as where nothing is said: for ever, like all else. */
  keepDays?: number;
  clock: Clock;
  log: Logger;
  /** For the jitter of retries; `Math.random` where not given. */
  random?: () => number;
};

export type WebhookWishes = { url: string; events: WebhookEvent[]; secret?: string | undefined };
export type WebhookUpdate = Partial<WebhookWishes> & { enabled?: boolean | undefined };

export function createWebhooks(options: WebhooksOptions): Webhooks {
  return new Webhooks(options);
}

/** Who is told of what happens outside, and what they were told. */
export class Webhooks {
  readonly #options: WebhooksOptions;
  readonly #policy: TargetPolicy;
  readonly #table: WebhookTable;
  readonly #deliveries: DeliveryTable;
  readonly #queue: DeliveryQueue;
  readonly #dispatcher: Dispatcher;
  readonly #sweepers: Sweeper[];
  /** As stored: only this gateway changes them. */
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
        log.warn({ webhookId: id }, 'the receiver of a webhook is gone: the webhook was disabled');
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
          what: `${status} webhook messages`,
          days: status === 'failed' ? FAILED_TIMES * days : days,
          sweep: (before, atMost) => this.#deliveries.sweep(status, before, atMost),
          clock,
          log,
        }),
    );
    this.#queue = new DeliveryQueue({
      table: this.#deliveries,
      onStored: () => this.#dispatcher.poke(),
      clock,
      log,
    });
  }

  /** Goes on with what an earlier gateway did not deliver. What happens before is told to nobody. */
  async start(): Promise<void> {
    await this.#reload();
    for (const sweeper of this.#sweepers) sweeper.start();
    this.#dispatcher.poke();
  }

  /** Stores what it was told, and breaks off what is being sent: that is sent again after the next start. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    for (const sweeper of this.#sweepers) sweeper.close();
    await this.#queue.close();
    await this.#dispatcher.close();
  }

  /** Tells everybody who wants to know. Returns at once, and never throws. */
  emit(...[event, data]: { [E in WebhookEvent]: [E, WebhookData[E]] }[WebhookEvent]): void {
    if (this.#closed) return;
    const createdAt = this.#now();
    const payload = { type: event, timestamp: createdAt.toISOString(), data };
    for (const { id: webhookId, events, disabledAt } of this.#webhooks)
      if (disabledAt === null && events.includes(event))
        this.#queue.add({ id: newId(), webhookId, event, payload, createdAt });
  }

  /** In the order of their making. */
  async list(): Promise<Webhook[]> {
    return await this.#table.list();
  }

  /**
   * Makes a webhook, enabled.
   *
   * @returns it, and its secret: to be shown this once.
   * @throws PublicError 400 `url_not_allowed`, `secret_invalid`, 409 `too_many_webhooks`
   */
  async create({ url, events, secret }: WebhookWishes): Promise<{ webhook: Webhook; secret: string }> {
    const checked = {
      url: this.#policy.check(url).href,
      secret: secret === undefined ? mintWebhookSecret() : checkSecret(secret),
    };
    const made = { ...checked, id: newId(), events: [...new Set(events)], createdAt: this.#now() };
    const webhook = await this.#table.insert(made, MAXIMUM_WEBHOOKS);
    if (!webhook) throw new PublicError(409, 'too_many_webhooks', `There are ${MAXIMUM_WEBHOOKS} webhooks.`);
    await this.#reload();
    return { webhook, secret: checked.secret };
  }

  /**
   * Changes what is given. While a webhook is disabled nothing new is kept for it, and what waits goes on when it is
   * enabled again.
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
    this.#dispatcher.poke();
    return webhook;
  }

  /** With all of its deliveries. @throws PublicError 404 `webhook_not_found` */
  async remove(id: string): Promise<void> {
    if (!(await this.#table.delete(id))) throw notFound();
    await this.#reload();
  }

  /**
   * Sends a message that says nothing, once.
   *
   * @returns the id of its delivery
   * @throws PublicError 404 `webhook_not_found`, 409 `webhook_disabled`
   */
  async ping(id: string): Promise<string> {
    this.#enabled(id);
    const createdAt = this.#now();
    const payload = { type: PING, timestamp: createdAt.toISOString(), data: { webhookId: id } };
    const deliveryId = newId();
    await this.#deliveries.insert([{ id: deliveryId, webhookId: id, event: PING, payload, createdAt }]);
    this.#dispatcher.poke();
    return deliveryId;
  }

  /** The newest first. @throws PublicError 404 `webhook_not_found` */
  async deliveries(
    id: string,
    page: { status?: DeliveryStatus | undefined; limit: number; offset: number; before?: string | undefined },
  ): Promise<Delivery[]> {
    this.#find(id);
    return await this.#deliveries.list(id, page);
  }

  /**
   * Sends a delivery again that has ended, with all its attempts, under its old id.
   *
   * @throws PublicError 404 `delivery_not_found`, 409 `delivery_pending`, `webhook_disabled`
   */
  async replay(deliveryId: string): Promise<Delivery> {
    const delivery = await this.#deliveries.find(deliveryId);
    if (!delivery) throw new PublicError(404, 'delivery_not_found', 'There is no such delivery.');
    this.#enabled(delivery.webhookId);
    const begun = await this.#deliveries.reset(deliveryId, this.#now());
    if (!begun) throw new PublicError(409, 'delivery_pending', 'This delivery is under way already.');
    this.#dispatcher.poke();
    return begun;
  }

  #find(id: string): Webhook {
    const webhook = this.#webhooks.find((candidate) => candidate.id === id.toLowerCase());
    if (!webhook) throw notFound();
    return webhook;
  }

  #enabled(id: string): void {
    if (this.#find(id).disabledAt === null) return;
    throw new PublicError(409, 'webhook_disabled', 'This webhook is disabled: enable it first.');
  }

  /** One after the other, so that an older answer does not overwrite a newer one. */
  #reloading: Promise<unknown> = Promise.resolve();
  async #reload(): Promise<void> {
    const load = async (): Promise<void> => {
      this.#webhooks = await this.#table.list();
    };
    const reloading = this.#reloading.then(load, load);
    this.#reloading = reloading;
    await reloading;
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
