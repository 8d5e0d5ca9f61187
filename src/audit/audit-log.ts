import { type Clock, type Logger, newId, RetryingWriter, type Sql, Sweeper } from '../platform/index.js';
import { type AuditEntry, type AuditQuery, AuditTable, type ForgottenUser } from './audit-table.js';

/** Entries that wait for the database; further ones are in the log of the process alone. */
const MAXIMUM_WAITING = 1_000;
/** Deleted accounts whose last requests may still be recorded. */
const MAXIMUM_FORGOTTEN = 1_000;

export type AuditActor = { kind: 'operator' } | { kind: 'account'; userId: string; name: string };

export type AuditRecord = Pick<AuditEntry, 'action' | 'target' | 'details' | 'address'> & {
  actor: AuditActor;
};

export type AuditLogOptions = {
  sql: Sql;
  /** Retention, days; 0: unlimited. */
  keepDays: number;
  clock: Clock;
  log: Logger;
};

/** Log of who changed what, in the database and in the log of the process. */
export class AuditLog {
  readonly #options: AuditLogOptions;
  readonly #table: AuditTable;
  readonly #writer: RetryingWriter;
  readonly #sweeper: Sweeper;
  /** Pseudonyms of accounts that were deleted last, by their id. */
  readonly #forgotten = new Map<string, string>();
  #waiting = 0;
  #lastWrite: Promise<void> = Promise.resolve();

  constructor(options: AuditLogOptions) {
    const { sql, keepDays, clock, log } = options;
    this.#options = options;
    const table = new AuditTable(sql);
    this.#table = table;
    this.#writer = new RetryingWriter(clock, log);
    this.#sweeper = new Sweeper({
      ...{ rowsName: 'audit entries', days: keepDays, clock, log },
      sweep: (...upTo) => table.sweep(...upTo),
    });
  }

  start(): void {
    this.#sweeper.start();
  }

  /** Stores an entry, without waiting. */
  record({ actor, action, target, details, address }: AuditRecord): void {
    const { clock, log } = this.#options;
    const person = actor.kind === 'account' ? actor : undefined;
    const pseudonym = person && this.#forgotten.get(person.userId);
    const entry: AuditEntry = {
      ...{ id: newId(), at: new Date(clock.now()), action, details, actorKind: actor.kind },
      target: Object.fromEntries(
        Object.entries(target).map(([name, id]) => [name, this.#forgotten.get(id) ?? id]),
      ),
      actorId: pseudonym ?? person?.userId ?? null,
      actorName: pseudonym === undefined ? (person?.name ?? null) : null,
      address: pseudonym === undefined ? address : '',
    };
    log.info({ audit: entry }, 'changed');
    if (this.#waiting >= MAXIMUM_WAITING) {
      log.error({ auditId: entry.id }, 'audit entry is not stored: the database is late');
      return;
    }
    this.#waiting++;
    this.#lastWrite = this.#writer
      .write(() => this.#table.insert(entry))
      .finally(() => {
        this.#waiting--;
      });
  }

  /** Takes a person whose account is deleted out of all entries, also of those of requests that are not over. */
  async forgetUser(user: ForgottenUser): Promise<void> {
    this.#forgotten.set(user.userId, user.pseudonym);
    const [oldest] = this.#forgotten.keys();
    if (oldest !== undefined && this.#forgotten.size > MAXIMUM_FORGOTTEN) this.#forgotten.delete(oldest);
    await this.#lastWrite;
    await this.#table.forgetUser(user);
  }

  /** Returns stored entries, newest first. */
  async list(query: AuditQuery): Promise<AuditEntry[]> {
    return await this.#table.list(query);
  }

  /** Attempts pending writes a last time. */
  async close(): Promise<void> {
    this.#sweeper.close();
    this.#writer.close();
    await this.#lastWrite;
  }
}
