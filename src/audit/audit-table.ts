import { idBoundary, type Sql } from '../platform/index.js';

/** A change, who made it, and from which network address. */
export type AuditEntry = {
  id: string;
  at: Date;
  actorKind: 'account' | 'operator';
  /** Null: the operator. */
  actorId: string | null;
  actorName: string | null;
  action: string;
  /** Ids of what was changed. */
  target: Record<string, string>;
  details: Record<string, string | number | boolean | null> | null;
  address: string;
};

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

  /** Deletes the oldest entries before a time. @returns the number deleted */
  async sweep(before: Date, atMost: number): Promise<number> {
    const result = await this.#sql`
      delete from audit_log where id in (
        select id from audit_log where id < ${idBoundary(before)} order by id limit ${atMost})`;
    return result.count;
  }
}
