import { type Sql, searchText } from '../../platform/index.js';
import type { Role } from './principal.js';

export type Account = {
  id: string;
  name: string;
  role: Role;
  createdAt: Date;
  /** Null: enabled. */
  disabledAt: Date | null;
};

export type NewAccount = {
  id: string;
  name: string;
  /** See `accountNameKey`. */
  nameKey: string;
  passwordHash: string;
  createdAt: Date;
};

export type AccountChange = { role?: Role; disabledAt?: Date | null; passwordHash?: string };

/** Statements on the table `accounts`. */
export class AccountTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** @returns undefined when the name is taken. */
  async insert(account: NewAccount & { role: Role }): Promise<Account | undefined> {
    const { id, name, nameKey, passwordHash, role, createdAt } = account;
    const [row] = await this.#sql<Account[]>`
      insert into accounts (id, name, name_key, search_text, password_hash, role, created_at)
      values (${id}, ${name}, ${nameKey}, ${searchText(name)}, ${passwordHash}, ${role}, ${createdAt})
      on conflict (name_key) do nothing
      returning ${this.#columns()}`;
    return row;
  }

  /**
   * Inserts the account of an invitation and marks the invitation used, atomically.
   *
   * @returns undefined when the name is taken or the invitation is no longer open.
   */
  async insertInvited(account: NewAccount, invitationHash: string): Promise<Account | undefined> {
    const { id, name, nameKey, passwordHash, createdAt } = account;
    const [row] = await this.#sql<Account[]>`
      with invitation as (
        select id, role from invitations
        where hash = ${invitationHash} and used_at is null and expires_at > ${createdAt}
        for update
      ), account as (
        insert into accounts (id, name, name_key, search_text, password_hash, role, created_at)
        select ${id}::uuid, ${name}, ${nameKey}, ${searchText(name)}, ${passwordHash}, role, ${createdAt}::timestamptz from invitation
        on conflict (name_key) do nothing
        returning *
      ), used as (
        update invitations set used_at = ${createdAt}, used_by = account.id
        from invitation, account where invitations.id = invitation.id
      )
      select ${this.#columns()} from account`;
    return row;
  }

  /** Returns enabled accounts that may broadcast, by words of their name. @param query see `searchQuery` */
  async search(query: string, limit: number): Promise<Account[]> {
    return await this.#sql<Account[]>`
      select ${this.#columns()} from accounts
      where to_tsvector('simple', search_text) @@ to_tsquery('simple', ${query}) and role <> 'viewer'
        and disabled_at is null
      order by id desc limit ${limit}`;
  }

  async hasAdministrator(): Promise<boolean> {
    const [row] = await this.#sql`select from accounts where role = 'admin' and disabled_at is null limit 1`;
    return row !== undefined;
  }

  /** @param id must have the form of a UUID. */
  async find(id: string): Promise<Account | undefined> {
    const [row] = await this.#sql<Account[]>`select ${this.#columns()} from accounts where id = ${id}`;
    return row;
  }

  /** Includes the PHC string of the password. */
  async findByNameKey(nameKey: string): Promise<(Account & { passwordHash: string }) | undefined> {
    const [row] = await this.#sql<(Account & { passwordHash: string })[]>`
      select ${this.#columns()}, password_hash as "passwordHash" from accounts where name_key = ${nameKey}`;
    return row;
  }

  /** @param id must have the form of a UUID. @returns undefined when there is no such account. */
  async passwordHash(id: string): Promise<string | undefined> {
    const [row] = await this.#sql<{ hash: string }[]>`
      select password_hash as hash from accounts where id = ${id}`;
    return row?.hash;
  }

  /** @param ids must have the form of UUIDs. */
  async listByIds(ids: readonly string[]): Promise<Account[]> {
    return this.#sql<Account[]>`select ${this.#columns()} from accounts where id = any(${[...ids]}::uuid[])`;
  }

  /** Newest first. */
  async list(page: { limit: number; offset: number; before?: string | undefined }): Promise<Account[]> {
    const { before } = page;
    return this.#sql<Account[]>`
      select ${this.#columns()} from accounts
      ${before === undefined ? this.#sql`` : this.#sql`where id < ${before}`}
      order by id desc limit ${page.limit} offset ${page.offset}`;
  }

  /** Disables an account permanently and marks it for deletion. @param id must have the form of a UUID. */
  async markForDeletion(id: string, purge: boolean, now: Date): Promise<void> {
    await this.#sql`
      update accounts set disabled_at = coalesce(disabled_at, ${now}), leaving_since = coalesce(leaving_since, ${now}),
        leaving_purges = leaving_purges or ${purge}
      where id = ${id}`;
  }

  /** Accounts marked for deletion, and whether their messages are deleted too. */
  async listMarkedForDeletion(): Promise<{ id: string; purge: boolean }[]> {
    return this.#sql<{ id: string; purge: boolean }[]>`
      select id, leaving_purges as purge from accounts where leaving_since is not null order by leaving_since`;
  }

  async delete(id: string): Promise<void> {
    await this.#sql`delete from accounts where id = ${id}`;
  }

  /**
   * @param id must have the form of a UUID. @returns undefined when the account does not exist or is marked for
   * deletion.
   */
  async change(id: string, { role, disabledAt, passwordHash }: AccountChange): Promise<Account | undefined> {
    const [row] = await this.#sql<Account[]>`
      update accounts set
        role = coalesce(${role ?? null}, role),
        password_hash = coalesce(${passwordHash ?? null}, password_hash),
        disabled_at = case when ${disabledAt !== undefined} then ${disabledAt ?? null}::timestamptz else disabled_at end
      where id = ${id} and leaving_since is null
      returning ${this.#columns()}`;
    return row;
  }

  #columns(): ReturnType<Sql> {
    return this.#sql`id, name, role, created_at as "createdAt", disabled_at as "disabledAt"`;
  }
}
