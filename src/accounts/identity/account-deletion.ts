import { type Clock, isUuid, type Logger, newId, PublicError, type Sql } from '../../platform/index.js';
import type { AccessTokens } from '../credentials/access-tokens.js';
import type { Sessions } from '../credentials/sessions.js';
import type { AccessChange } from './access-change.js';
import { AccountTable } from './account-table.js';

/** Account that is being deleted. */
export type DeletedAccount = {
  userId: string;
  /** Replaces the author of remaining data; new at every attempt. */
  pseudonym: string;
  /** Whether messages in chats of others are deleted too. */
  purge: boolean;
};

/** A module that stores data of accounts. */
export type AccountDataHolder = {
  /** Whether something is in progress that must be ended before the account is deleted. */
  isBusy?(userId: string): Promise<boolean>;
  /** Deletes or anonymises the account's data. Must be idempotent: repeated after a failure. */
  release(account: DeletedAccount): Promise<void>;
};

export type AccountDeletionOptions = {
  sql: Sql;
  clock: Clock;
  log: Logger;
  sessions: Pick<Sessions, 'endAllSessions'>;
  accessTokens: Pick<AccessTokens, 'deleteAll'>;
  /** Receives accounts that were disabled. */
  changed: (change: AccessChange) => void;
};

/** Interval between attempts to resume deletions, in ms. */
const RETRY_INTERVAL_MS = 600_000;

/**
 * Deletes accounts with their data: disables the account, calls every holder, then deletes the row. A deletion
 * interrupted by an error or a crash is resumed.
 */
export class AccountDeletion {
  readonly #options: AccountDeletionOptions;
  readonly #table: AccountTable;
  readonly #holders: AccountDataHolder[] = [];
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #life = new AbortController();

  constructor(options: AccountDeletionOptions) {
    this.#options = options;
    this.#table = new AccountTable(options.sql);
  }

  /** Adds a holder; holders are called in this order. */
  addHolder(holder: AccountDataHolder): void {
    this.#holders.push(holder);
  }

  /** Resumes interrupted deletions; to be called after all holders are added. */
  start(): void {
    const { clock } = this.#options;
    const resume = (): void => void this.#resume();
    clock.every(RETRY_INTERVAL_MS, resume, this.#life.signal);
    resume();
  }

  /** Resolves when running deletions are done or have failed. */
  async close(): Promise<void> {
    this.#life.abort();
    await Promise.allSettled(this.#underWay.values());
  }

  /**
   * Deletes an account.
   *
   * @returns false when it does not exist.
   * @throws PublicError 409 `stream_under_way`, and errors of holders; the deletion is then retried
   */
  async delete(userId: string, { purge = false }: { purge?: boolean | undefined } = {}): Promise<boolean> {
    const { clock, sessions, accessTokens, changed } = this.#options;
    if (!isUuid(userId) || !(await this.#table.find(userId))) return false;
    for (const { isBusy } of this.#holders)
      if (await isBusy?.(userId))
        throw new PublicError(
          409,
          'stream_under_way',
          'A livestream of this account is being broadcast: end it first.',
        );
    await this.#table.markForDeletion(userId, purge, new Date(clock.now()));
    changed({ userId });
    await sessions.endAllSessions(userId);
    await accessTokens.deleteAll(userId);
    await this.#finish(userId, purge);
    return true;
  }

  #finish(userId: string, purge: boolean): Promise<void> {
    const known = this.#underWay.get(userId);
    if (known) return known;
    const finishing = this.#release(userId, purge).finally(() => this.#underWay.delete(userId));
    this.#underWay.set(userId, finishing);
    return finishing;
  }

  async #release(userId: string, purge: boolean): Promise<void> {
    const account = { userId, pseudonym: `deleted:${newId()}`, purge };
    for (const holder of this.#holders) await holder.release(account);
    await this.#table.delete(userId);
    this.#options.log.info({ accountId: userId }, 'an account was deleted');
  }

  async #resume(): Promise<void> {
    const { log } = this.#options;
    try {
      for (const { id, purge } of await this.#table.listMarkedForDeletion()) await this.#finish(id, purge);
    } catch (error) {
      if (!this.#life.signal.aborted)
        log.warn({ err: error }, 'account deletion failed: it is retried later');
    }
  }
}
