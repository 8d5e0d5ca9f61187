import type { Sql } from '../platform/index.js';
import type { WebhookPayload } from './webhook-event.js';

/** Limit on pending deliveries of one webhook; further ones fail at once, and can be replayed. */
const MAX_PENDING = 10_000;

export type DeliveryStatus = 'pending' | 'delivered' | 'failed';

/** A message to one webhook and the state of its delivery. */
export type Delivery = {
  id: string;
  webhookId: string;
  event: string;
  payload: WebhookPayload;
  status: DeliveryStatus;
  attempts: number;
  /** Time of the next attempt while the delivery is pending. */
  nextAttemptAt: Date;
  lastAttemptAt: Date | null;
  /** HTTP status of the last attempt; null if there was no response. */
  responseStatus: number | null;
  error: string | null;
  createdAt: Date;
  deliveredAt: Date | null;
};

export type NewDelivery = Pick<Delivery, 'id' | 'webhookId' | 'event' | 'payload' | 'createdAt'>;

/** A delivery due now, with everything needed to send it. */
export type DueDelivery = Pick<Delivery, 'id' | 'webhookId' | 'event' | 'payload' | 'attempts'> & {
  url: string;
  secret: string;
};

/** Result of an attempt; without `retryAt` there is no further one. */
export type AttemptResult = {
  at: Date;
  status: DeliveryStatus;
  responseStatus: number | null;
  error: string | null;
  retryAt?: Date | undefined;
};

/** Statements on the table `webhook_deliveries`. */
export class DeliveryTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Inserts deliveries in one statement; skips those of deleted webhooks. */
  async insert(deliveries: NewDelivery[]): Promise<void> {
    const rows = deliveries.map(({ id, webhookId, event, payload, createdAt }) => {
      return { id, webhook_id: webhookId, event, payload, created_at: createdAt.toISOString() };
    });
    await this.#sql`
      with waiting as (
        select webhook_id, count(*) as count from webhook_deliveries where status = 'pending' group by webhook_id)
      insert into webhook_deliveries (id, webhook_id, event, payload, created_at, next_attempt_at, status, error)
      select new.id, webhooks.id, new.event, new.payload, new.created_at, new.created_at,
        case when coalesce(waiting.count, 0) < ${MAX_PENDING} then 'pending' else 'failed' end,
        case when coalesce(waiting.count, 0) < ${MAX_PENDING} then null else 'Too many deliveries are waiting.' end
      from jsonb_to_recordset(${this.#sql.json(rows)})
        as new(id uuid, webhook_id uuid, event text, payload jsonb, created_at timestamptz)
      join webhooks on webhooks.id = new.webhook_id
      left join waiting on waiting.webhook_id = webhooks.id`;
  }

  /** Returns the oldest due delivery of every enabled webhook that is not `busy`. */
  async due(now: Date, busy: string[]): Promise<DueDelivery[]> {
    return this.#sql<DueDelivery[]>`
      select first.id, webhooks.id as "webhookId", first.event, first.payload, first.attempts, url, secret
      from webhooks cross join lateral (
        select * from webhook_deliveries
        where webhook_id = webhooks.id and status = 'pending' and next_attempt_at <= ${now} order by id limit 1
      ) first
      where disabled_at is null and webhooks.id <> all(${busy}::uuid[])`;
  }

  /** Returns when the next delivery of an enabled webhook that is not `busy` is due. */
  async nextDue(busy: string[]): Promise<Date | null> {
    const [row] = await this.#sql<[{ time: Date | null }]>`
      select min(next_attempt_at) as time from webhook_deliveries join webhooks on webhooks.id = webhook_id
      where status = 'pending' and disabled_at is null and webhooks.id <> all(${busy}::uuid[])`;
    return row.time;
  }

  async recordAttempt(id: string, result: AttemptResult): Promise<void> {
    const { at, status, responseStatus, error, retryAt } = result;
    await this.#sql`
      update webhook_deliveries set status = ${status}, attempts = attempts + 1, last_attempt_at = ${at},
        response_status = ${responseStatus}, error = ${error},
        next_attempt_at = coalesce(${retryAt ?? null}, next_attempt_at),
        delivered_at = ${status === 'delivered' ? at : null}
      where id = ${id}`;
  }

  /** Returns deliveries, newest first. */
  async list(
    webhookId: string,
    page: { status?: DeliveryStatus | undefined; limit: number; offset: number; before?: string | undefined },
  ): Promise<Delivery[]> {
    const { status, limit, offset, before } = page;
    return this.#sql<Delivery[]>`
      select ${this.#columns()} from webhook_deliveries
      where webhook_id = ${webhookId} ${status === undefined ? this.#sql`` : this.#sql`and status = ${status}`}
        ${before === undefined ? this.#sql`` : this.#sql`and id < ${before}`}
      order by id desc limit ${limit} offset ${offset}`;
  }

  /** @param id must have the form of a UUID */
  async find(id: string): Promise<Delivery | undefined> {
    const [row] = await this.#sql<Delivery[]>`
      select ${this.#columns()} from webhook_deliveries where id = ${id}`;
    return row;
  }

  /** Makes a finished delivery pending again. @returns undefined if it is pending or does not exist */
  async reset(id: string, now: Date): Promise<Delivery | undefined> {
    const [row] = await this.#sql<Delivery[]>`
      update webhook_deliveries set status = 'pending', attempts = 0, next_attempt_at = ${now}, error = null,
        response_status = null, delivered_at = null
      where id = ${id} and status <> 'pending' returning ${this.#columns()}`;
    return row;
  }

  /** Deletes the oldest deliveries of a status from before a moment, at most `atMost`. @returns their number */
  async sweep(status: Exclude<DeliveryStatus, 'pending'>, before: Date, atMost: number): Promise<number> {
    const result = await this.#sql`
      delete from webhook_deliveries where id in (
        select id from webhook_deliveries
        where status <> 'pending' and status = ${status} and created_at < ${before}
        order by created_at limit ${atMost})`;
    return result.count;
  }

  #columns(): ReturnType<Sql> {
    return this.#sql`id, webhook_id as "webhookId", event, payload, status, attempts,
      next_attempt_at as "nextAttemptAt", last_attempt_at as "lastAttemptAt", response_status as "responseStatus",
      error, created_at as "createdAt", delivered_at as "deliveredAt"`;
  }
}
