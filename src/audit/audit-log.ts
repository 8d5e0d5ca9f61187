import { type Clock, type Logger, newId, RetryingWriter, type Sql, Sweeper } from '../platform/index.js';
import { type AuditEntry, type AuditQuery, AuditTable } from './audit-table.js';

/** Entries that wait for the database; further ones are in the log of the process alone. */
const MAXIMUM_WAITING = 1_000;

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
    const entry: AuditEntry = {
      ...{ id: newId(), at: new Date(clock.now()), action, target, details, address },
      actorKind: actor.kind,
      actorId: actor.kind === 'account' ? actor.userId : null,
      actorName: actor.kind === 'account' ? actor.name : null,
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
