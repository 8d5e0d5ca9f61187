export { type AuditActor, AuditLog, type AuditRecord } from './audit-log.js';
export type { AuditEntry, AuditQuery } from './audit-table.js';
