import { AuditLog } from '../audit/index.js';
import type { Config } from '../config.js';
import type { Clock, Logger, Sql } from '../platform/index.js';

/** Opens the audit log. */
export function openAudit(
  { keepDays }: Config,
  { sql, clock, log }: { sql: Sql; clock: Clock; log: Logger },
): AuditLog {
  const audit = new AuditLog({ sql, keepDays: keepDays.audit, clock, log: log.child({ module: 'audit' }) });
  audit.start();
  return audit;
}
