import { idBoundary, type Sql } from '../platform/index.js';

/** A change, who made it, and from which network address. */
export type AuditEntry = {
  id: string;
  at: Date;
  actorKind: 'account' | 'operator';
  /** Null: the operator. A pseudonym when the account was deleted, which then has no name. */
  actorId: string | null;
  actorName: string | null;
  action: string;
  /** Ids of what was changed. */
  target: Record<string, string>;
  details: Record<string, string | number | boolean | null> | null;
  /** Empty when the account was deleted. */
  address: string;
};

/** Account that is being deleted, and the id that takes its place. */
export type ForgottenUser = { userId: string; pseudonym: string; name: string | undefined };

/** `before`: only entries older than this id. */
export type AuditQuery = {
  limit: number;
  before?: string | undefined;
  actorId?: string | undefined;
  action?: string | undefined;
};

/** Statements on the table `audit_log`. */
export class AuditTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Inserting an entry again changes nothing. */
  async insert(entry: AuditEntry): Promise<void> {
    const { id, at, actorKind, actorId, actorName, action, target, details, address } = entry;
    await this.#sql`
      insert into audit_log (id, at, actor_kind, actor_id, actor_name, action, target, details, address)
      values (${id}, ${at}, ${actorKind}, ${actorId}, ${actorName}, ${action}, ${this.#sql.json(target)},
        ${details && this.#sql.json(details)}, ${address})
      on conflict (id) do nothing`;
  }

  /** Newest first. */
  async list({ limit, before, actorId, action }: AuditQuery): Promise<AuditEntry[]> {
    const none = this.#sql``;
    return await this.#sql<AuditEntry[]>`
      select id, at, actor_kind as "actorKind", actor_id as "actorId", actor_name as "actorName", action, target, details,
        address
      from audit_log where true
        ${before === undefined ? none : this.#sql`and id < ${before}`}
        ${actorId === undefined ? none : this.#sql`and actor_id = ${actorId}`}
        ${action === undefined ? none : this.#sql`and action = ${action}`}
      order by id desc limit ${limit}`;
  }

  /** Takes the person out of all entries: what was done to whom stays under the pseudonym. */
  async forgetUser({ userId, pseudonym, name = '' }: ForgottenUser): Promise<void> {
    const replaced = (column: 'target' | 'details') => this.#sql`(
      select jsonb_object_agg(key, case when value = to_jsonb(${userId}::text) then to_jsonb(${pseudonym}::text)
        else value end) from jsonb_each(${this.#sql(column)}))`;
    const names = (column: 'target' | 'details') => this.#sql`(
      jsonb_typeof(${this.#sql(column)}) = 'object'
      and exists (select from jsonb_each_text(${this.#sql(column)}) where value = ${userId}))`;
    await this.#sql.begin(async (sql) => {
      await sql`
        update audit_log set actor_id = ${pseudonym}, actor_name = null, address = '' where actor_id = ${userId}`;
      for (const column of ['target', 'details'] as const)
        await sql`update audit_log set ${sql(column)} = ${replaced(column)} where ${names(column)}`;
      await sql`
        update audit_log set details = details - 'name'
        where action = 'account.create' and details ->> 'name' = ${name}`;
    });
  }

  /** Deletes the oldest entries before a time. @returns the number deleted */
  async sweep(before: Date, atMost: number): Promise<number> {
    const result = await this.#sql`
      delete from audit_log where id in (
        select id from audit_log where id < ${idBoundary(before)} order by id limit ${atMost})`;
    return result.count;
  }
}
