import { newId, type Sql } from '../../platform/index.js';

/** Time after which another export may begin when a claim was not renewed, s. */
const CLAIM_S = 60;
/** Interval at which a claim should be renewed, ms. */
export const EXPORT_RENEWAL_MS = 20_000;

/** Claim of one export. */
export type ExportClaim = { userId: string; id: string };

/** Statements on the table `account_exports`: one export of a user's data at a time, over all gateways. */
export class ExportClaims {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** @returns undefined while an export of the user is being sent */
  async take(userId: string): Promise<ExportClaim | undefined> {
    const id = newId();
    const rows = await this.#sql`
      insert into account_exports (user_id, claimed_by, claimed_until)
      values (${userId}, ${id}, ${this.#until()})
      on conflict (user_id) do update set claimed_by = excluded.claimed_by, claimed_until = excluded.claimed_until
      where account_exports.claimed_until < now()
      returning 1`;
    return rows.length > 0 ? { userId, id } : undefined;
  }

  /** @returns false when the claim was lost */
  async renew({ userId, id }: ExportClaim): Promise<boolean> {
    const result = await this.#sql`
      update account_exports set claimed_until = ${this.#until()} where user_id = ${userId} and claimed_by = ${id}`;
    return result.count > 0;
  }

  async release({ userId, id }: ExportClaim): Promise<void> {
    await this.#sql`delete from account_exports where user_id = ${userId} and claimed_by = ${id}`;
  }

  async forgetUser(userId: string): Promise<void> {
    await this.#sql`delete from account_exports where user_id = ${userId}`;
  }

  #until(): ReturnType<Sql> {
    return this.#sql`now() + ${CLAIM_S} * interval '1 s'`;
  }
}
