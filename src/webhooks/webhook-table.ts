import type { Sql } from '../platform/index.js';
import type { WebhookEvent } from './webhook-event.js';

/** A subscription to events. */
export type Webhook = {
  id: string;
  url: string;
  events: WebhookEvent[];
  createdAt: Date;
  /** Time since when it is disabled. */
  disabledAt: Date | null;
};

export type NewWebhook = Omit<Webhook, 'disabledAt'> & { secret: string };
export type WebhookChanges = Partial<Pick<NewWebhook, 'url' | 'events' | 'secret'>> & {
  disabledAt?: Date | null;
};

/** Statements on the table `webhooks`. */
export class WebhookTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** @returns undefined if there are `maximum` webhooks */
  async insert(webhook: NewWebhook, maximum: number): Promise<Webhook | undefined> {
    const { id, url, secret, events, createdAt } = webhook;
    const [row] = await this.#sql<Webhook[]>`
      insert into webhooks (id, url, secret, events, created_at)
      select ${id}::uuid, ${url}, ${secret}, ${events}::text[], ${createdAt}::timestamptz
      where (select count(*) from webhooks) < ${maximum}
      returning ${this.#columns()}`;
    return row;
  }

  /** Returns all webhooks, oldest first. */
  async list(): Promise<Webhook[]> {
    return this.#sql<Webhook[]>`select ${this.#columns()} from webhooks order by id`;
  }

  /** Changes the given fields. */
  async update(id: string, changes: WebhookChanges): Promise<Webhook | undefined> {
    const { url = null, events = null, secret = null, disabledAt } = changes;
    const [row] = await this.#sql<Webhook[]>`
      update webhooks set url = coalesce(${url}, url), secret = coalesce(${secret}, secret),
        events = coalesce(${events}::text[], events),
        disabled_at = case when ${disabledAt !== undefined} then ${disabledAt ?? null}::timestamptz else disabled_at end
      where id = ${id} returning ${this.#columns()}`;
    return row;
  }

  async delete(id: string): Promise<boolean> {
    const result = await this.#sql`delete from webhooks where id = ${id}`;
    return result.count > 0;
  }

  #columns(): ReturnType<Sql> {
    return this.#sql`id, url, events, created_at as "createdAt", disabled_at as "disabledAt"`;
  }
}
