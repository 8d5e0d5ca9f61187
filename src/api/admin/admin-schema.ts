import { type Static, Type } from 'typebox';
import { Id, nullable, ref, Time } from '../server/common-schema.js';

const bytes = (description: string) => nullable(Type.Integer({ description: `${description}, bytes` }));

export const NodeHealth = Type.Object(
  {
    version: Type.String(),
    startedAt: Time,
    cpu: Type.Object({
      cores: Type.Integer(),
      loadAverage: Type.Number({ description: 'Of the machine, last minute' }),
      gatewayCores: Type.Number({
        description:
          'Cores that the gateway process used since the last measurement, without its child processes',
      }),
    }),
    memory: Type.Object({
      totalBytes: Type.Integer(),
      availableBytes: Type.Integer(),
      gatewayBytes: Type.Integer({ description: 'Resident memory of the gateway process' }),
    }),
    eventLoop: Type.Object({
      busyShare: Type.Number({
        description:
          'Share of about the last 2 s in which it worked, 0 to 1; without the time in which others had its processor',
      }),
      isFull: Type.Boolean({ description: 'New HLS viewers are refused' }),
      delayMs: Type.Number({ description: '99th percentile since the last measurement' }),
    }),
    broadcasts: Type.Integer(),
    encoders: Type.Object({
      processes: Type.Integer({ description: 'ffmpeg processes' }),
      isShedding: Type.Boolean({ description: 'Renditions are left out because the machine is too slow' }),
    }),
    webrtcWorkers: Type.Array(
      Type.Object({
        pid: Type.Integer(),
        port: Type.Integer(),
        publishers: Type.Integer(),
        viewers: Type.Integer(),
        residentBytes: Type.Integer(),
      }),
      { description: 'Those that answer' },
    ),
    disks: Type.Array(
      Type.Object({
        purpose: Type.Enum(['data', 'recordings']),
        freeBytes: bytes('Free'),
        totalBytes: bytes('All'),
      }),
    ),
    database: Type.Object({
      latencyMs: nullable(
        Type.Number({ description: 'Duration of one statement; null: it does not answer' }),
      ),
      sizeBytes: bytes('Size'),
      connections: nullable(Type.Integer()),
    }),
  },
  { $id: 'NodeHealth', description: 'State of this gateway and its machine' },
);
export type NodeHealth = Static<typeof NodeHealth>;

export const NodeHealthResponse = Type.Object({ node: ref(NodeHealth) }, { $id: 'NodeHealthResponse' });

export const NodeSettingsResponse = Type.Object(
  {
    settings: Type.Array(
      Type.Object({
        name: Type.String({ description: 'Environment variable' }),
        value: Type.String(),
        isDefault: Type.Boolean(),
        description: Type.String(),
      }),
    ),
  },
  { $id: 'NodeSettingsResponse', description: 'Ladder, limits and retention in force; no secrets' },
);
export type NodeSettingsResponse = Static<typeof NodeSettingsResponse>;

export const AuditQueryString = Type.Object(
  {
    limit: Type.Integer({ minimum: 1, maximum: 100, default: 50 }),
    before: Type.Optional(Type.String({ format: 'uuid', description: 'Returns entries older than this id' })),
    actorId: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    action: Type.Optional(Type.String({ pattern: '^[a-z-]{1,40}\\.[a-z-]{1,40}$' })),
  },
  { additionalProperties: false },
);

export const AuditEntryView = Type.Object(
  {
    id: Id,
    at: Time,
    actor: Type.Object({
      kind: Type.Enum(['account', 'operator']),
      id: nullable(Type.String({ description: '`deleted:…`: the account was deleted' })),
      name: nullable(Type.String({ description: 'Name at that time; null: the account was deleted' })),
    }),
    action: Type.String({ description: 'Such as `account.change`' }),
    target: Type.Record(Type.String(), Type.String(), {
      description: 'Ids of what was changed, by the names of path parameters',
    }),
    details: nullable(Type.Record(Type.String(), Type.Unknown())),
    address: Type.String({ description: 'Network address; empty: the account was deleted' }),
  },
  { $id: 'AuditEntry' },
);
export type AuditEntryView = Static<typeof AuditEntryView>;

export const AuditResponse = Type.Object(
  { entries: Type.Array(ref(AuditEntryView), { description: 'Newest first' }) },
  { $id: 'AuditResponse' },
);

export const ADMIN_SCHEMAS = [
  NodeHealth,
  NodeHealthResponse,
  NodeSettingsResponse,
  AuditEntryView,
  AuditResponse,
];
