import { type Static, Type } from 'typebox';
import { Id, MANY_LINES, nullable, ONE_LINE, ref, Time, UserId } from '../server/common-schema.js';

const Protocol = Type.Enum(['rtmp', 'rtmps', 'whip']);

export const StreamKeyInfo = Type.Object(
  {
    id: Id,
    label: Type.String(),
    status: Type.Enum(['active', 'replaced', 'expired', 'revoked'], {
      description:
        '`active` keys admit publishers; `replaced` keys admit them until `expiresAt`; others admit none',
    }),
    main: Type.Boolean({ description: 'Current key of a channel' }),
    protocols: nullable(Type.Array(Protocol, { description: 'Null: any' })),
    addressRanges: nullable(
      Type.Array(Type.String(), { description: 'Networks in CIDR notation; null: any address' }),
    ),
    expiresAt: nullable(Time),
    revokedAt: nullable(Time),
    replacedBy: nullable(Id),
    createdAt: Time,
    lastUsedAt: nullable(Time),
  },
  {
    $id: 'StreamKey',
    description: 'Stream key without its secret, which is shown once and not stored',
  },
);
export type StreamKeyInfo = Static<typeof StreamKeyInfo>;

const IngestAddress = Type.Object({
  server: Type.String({ format: 'uri', description: 'Server setting of the encoder' }),
});

export const IngestServers = Type.Object(
  { rtmp: IngestAddress, rtmps: Type.Optional(IngestAddress), whip: Type.Optional(IngestAddress) },
  { $id: 'IngestServers', description: 'Ingest URLs; missing for disabled protocols' },
);
export type IngestServers = Static<typeof IngestServers>;

export const CreateKeyRequest = Type.Object(
  {
    label: Type.Optional(Type.String({ maxLength: 100, pattern: MANY_LINES })),
    protocols: Type.Optional(Type.Array(Protocol, { minItems: 1, maxItems: 3, uniqueItems: true })),
    addressRanges: Type.Optional(
      Type.Array(Type.String({ maxLength: 50 }), {
        minItems: 1,
        maxItems: 32,
        description: 'Addresses and networks: `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`',
      }),
    ),
    expiresAt: Type.Optional(Time),
  },
  {
    $id: 'CreateKeyRequest',
    additionalProperties: false,
    examples: [{ label: 'Camera 1', protocols: ['rtmps'], addressRanges: ['192.0.2.0/24'] }],
  },
);
export type CreateKeyRequest = Static<typeof CreateKeyRequest>;

export const RotateKeyRequest = Type.Object(
  {
    overlapSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 604_800,
        description:
          'Time for which the replaced key still admits publishers; default: 3600. Connected publishers stay connected',
      }),
    ),
  },
  { $id: 'RotateKeyRequest', additionalProperties: false },
);
export type RotateKeyRequest = Static<typeof RotateKeyRequest>;

export const StreamKeyResponse = Type.Object(
  {
    key: ref(StreamKeyInfo),
    streamKey: Type.String({ description: 'Shown only in this response. A secret: it permits publishing' }),
    ingest: ref(IngestServers),
  },
  { $id: 'StreamKeyResponse' },
);
export type StreamKeyResponse = Static<typeof StreamKeyResponse>;

export const StreamKeysResponse = Type.Object(
  { keys: Type.Array(ref(StreamKeyInfo)) },
  { $id: 'StreamKeysResponse' },
);
export type StreamKeysResponse = Static<typeof StreamKeysResponse>;

/** Fields of an attempt to publish, with a key or signed in. */
const attempt = {
  usedAt: Time,
  protocol: Type.String(),
  address: Type.String({ description: 'Network address of the publisher' }),
  outcome: Type.String({ description: '`admitted`, or the error code of the refusal' }),
};

export const StreamKeyUsesResponse = Type.Object(
  {
    uses: Type.Array(
      Type.Object({
        id: Id,
        streamId: nullable(Id),
        ...attempt,
      }),
    ),
  },
  { $id: 'StreamKeyUsesResponse' },
);
export type StreamKeyUsesResponse = Static<typeof StreamKeyUsesResponse>;

export const PublisherSignInsResponse = Type.Object(
  {
    signIns: Type.Array(
      Type.Object({
        id: Id,
        userId: Type.String({ description: 'User id; `operator` for the operator token' }),
        ...attempt,
      }),
    ),
  },
  { $id: 'PublisherSignInsResponse' },
);
export type PublisherSignInsResponse = Static<typeof PublisherSignInsResponse>;

const DefaultTitle = Type.String({ minLength: 1, maxLength: 200, pattern: ONE_LINE });
const DefaultDescription = Type.String({ maxLength: 5_000, pattern: MANY_LINES });

export const Channel = Type.Object(
  {
    userId: UserId,
    description: Type.String({ description: 'Text on the page of the channel' }),
    defaultTitle: Type.String({
      description: 'Title of livestreams created by publishing with the channel key',
    }),
    defaultDescription: Type.String(),
    recordingEnabled: Type.Boolean(),
    key: nullable(ref(StreamKeyInfo)),
    ingest: ref(IngestServers),
  },
  { $id: 'Channel' },
);
export type Channel = Static<typeof Channel>;

export const ChannelResponse = Type.Object({ channel: ref(Channel) }, { $id: 'ChannelResponse' });
export type ChannelResponse = Static<typeof ChannelResponse>;

export const ChannelRequest = Type.Object(
  {
    description: Type.Optional(Type.String({ maxLength: 1_000, pattern: MANY_LINES })),
    defaultTitle: Type.Optional(DefaultTitle),
    defaultDescription: Type.Optional(DefaultDescription),
    recordingEnabled: Type.Optional(Type.Boolean()),
  },
  { $id: 'ChannelRequest', additionalProperties: false },
);
export type ChannelRequest = Static<typeof ChannelRequest>;

export const STREAM_KEY_SCHEMAS = [
  StreamKeyInfo,
  IngestServers,
  CreateKeyRequest,
  RotateKeyRequest,
  StreamKeyResponse,
  StreamKeysResponse,
  StreamKeyUsesResponse,
  PublisherSignInsResponse,
  Channel,
  ChannelResponse,
  ChannelRequest,
];
