import { type Clock, isUuid, type Logger, newId, PublicError, type Sql } from '../../platform/index.js';
import type { AccessTokens } from '../credentials/access-tokens.js';
import type { Sessions } from '../credentials/sessions.js';
import type { AccessChange } from './access-change.js';
import { AccountTable } from './account-table.js';

/** Somebody whose account is being deleted. */
export type DeletedAccount = {
  userId: string;
  /** Who they are from now on where something of theirs stays; another one at every try. */
  pseudonym: string;
  /** Whether what they wrote goes too. */
  purge: boolean;
};

/** A room that has something of people. */
export type Holder = {
  /** Whether they are in the midst of something here that must be ended first. */
  isBusy?(userId: string): Promise<boolean>;
  /** Lets go of what is theirs. Asked again where it, or what comes after it, fails. */
  release(departed: DeletedAccount): Promise<void>;
};

export type AccountDeletionOptions = {
  sql: Sql;
  clock: Clock;
  log: Logger;
  sessions: Pick<Sessions, 'endAll'>;
  accessTokens: Pick<AccessTokens, 'deleteAll'>;
  /** Told of accounts that are disabled from now on. */
  changed: (change: AccessChange) => void;
};

/** What is left over is tried again so often, in ms. */
const AGAIN_MS = 600_000;

/**
 * Deletes accounts with all that is theirs. First nobody can sign in or publish any more, then every room lets go of what
 * it has, then the account is gone; what a failure or a crash interrupts goes on later.
 */
export class AccountDeletion {
  readonly #options: AccountDeletionOptions;
  readonly #table: AccountTable;
  readonly #holders: Holder[] = [];
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #life = new AbortController();

  constructor(options: AccountDeletionOptions) {
    this.#options = options;
    this.#table = new AccountTable(options.sql);
  }

  /** From now on a holder is asked, after those that joined before. */
  join(holder: Holder): void {
    this.#holders.push(holder);
  }

  /** Goes on with what was interrupted; to be called when every holder has joined. */
  start(): void {
    const { clock } = this.#options;
    const resume = (): void => void this.#resume();
    clock.every(AGAIN_MS, resume, this.#life.signal);
    resume();
  }

  /** Resolves when what is under way is done or has failed. */
  async close(): Promise<void> {
    this.#life.abort();
    await Promise.allSettled(this.#underWay.values());
  }

  /**
   * Deletes an account.
   *
   * @returns false when there is none.
   * @throws PublicError 409 `stream_under_way`; what a room throws that can't let go: it is tried again later then
   */
  async depart(userId: string, { purge = false }: { purge?: boolean | undefined } = {}): Promise<boolean> {
    const { clock, sessions, accessTokens, changed } = this.#options;
    if (!isUuid(userId) || !(await this.#table.find(userId))) return false;
    for (const { isBusy } of this.#holders)
      if (await isBusy?.(userId))
        throw new PublicError(
          409,
          'stream_under_way',
          'A livestream of this account is under way: end it first.',
        );
    await this.#table.beginDeparture(userId, purge, new Date(clock.now()));
    changed({ userId });
    await sessions.endAll(userId);
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
    const departed = { userId, pseudonym: `deleted:${newId()}`, purge };
    for (const holder of this.#holders) await holder.release(departed);
    await this.#table.delete(userId);
    this.#options.log.info({ accountId: userId }, 'an account was deleted');
  }

  async #resume(): Promise<void> {
    const { log } = this.#options;
    try {
      for (const { id, purge } of await this.#table.departing()) await this.#finish(id, purge);
    } catch (error) {
      if (!this.#life.signal.aborted)
        log.warn({ err: error }, 'an account could not be deleted: trying again');
    }
  }
}
