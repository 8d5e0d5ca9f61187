import { type Static, Type } from 'typebox';
import { Id, nullable, ONE_LINE, ref, Time } from '../server/common-schema.js';

const Name = Type.String({ minLength: 1, maxLength: 100, pattern: ONE_LINE });
const Url = Type.String({
  minLength: 1,
  maxLength: 1_000,
  description:
    '`rtmp://HOST/APPLICATION`, `rtmps://HOST/APPLICATION`, `srt://HOST:PORT`, or `https://…` of a WHIP endpoint. Without `key` the last part of an RTMP path is the stream key.',
});
const Key = Type.String({
  minLength: 1,
  maxLength: 500,
  description: 'RTMP: stream key; WHIP: bearer token; SRT: stream id. Stored encrypted, never returned',
});
const Passphrase = Type.String({ minLength: 10, maxLength: 79, description: 'SRT only; never returned' });
const Enabled = Type.Boolean({ description: 'Takes effect on a running broadcast within seconds' });

export const RestreamStatus = Type.Object(
  {
    state: Type.Enum(['idle', 'connecting', 'live', 'failing'], {
      description:
        '`idle`: disabled, or nothing is broadcast; `failing`: it is tried again with growing delays',
    }),
    since: Time,
    error: nullable(Type.String({ description: 'Last error, for people; until the target is live' })),
    errorCode: nullable(
      Type.String({
        description:
          'Stable code of `error`, by which clients translate it; words of the target follow the first colon of `error`. Codes may be added',
      }),
    ),
    bitrateBps: nullable(Type.Integer({ description: 'Bits per second over the last seconds' })),
    droppedFrames: Type.Integer({
      description: 'Frames left out for this broadcast because the target was too slow',
    }),
    streamId: nullable(Type.String({ format: 'uuid', description: 'Livestream that is being sent' })),
  },
  { $id: 'RestreamStatus' },
);
export type RestreamStatus = Static<typeof RestreamStatus>;

export const RestreamTarget = Type.Object(
  {
    id: Id,
    scope: Type.Enum(['livestream', 'account'], {
      description: '`account`: serves every livestream of the account, one broadcast at a time',
    }),
    name: Type.String(),
    protocol: Type.Enum(['rtmp', 'rtmps', 'srt', 'whip']),
    url: Type.String({ description: 'Without what is secret' }),
    key: nullable(Type.String({ description: 'Masked' })),
    enabled: Type.Boolean(),
    createdAt: Time,
    status: ref(RestreamStatus),
  },
  { $id: 'RestreamTarget' },
);
export type RestreamTarget = Static<typeof RestreamTarget>;

export const CreateRestreamTargetRequest = Type.Object(
  {
    name: Name,
    url: Url,
    key: Type.Optional(Key),
    passphrase: Type.Optional(Passphrase),
    enabled: Type.Optional(Enabled),
  },
  {
    $id: 'CreateRestreamTargetRequest',
    additionalProperties: false,
    examples: [
      { name: 'Other platform', url: 'rtmps://live.platform.example/app', key: 'key-of-the-platform' },
    ],
  },
);
export type CreateRestreamTargetRequest = Static<typeof CreateRestreamTargetRequest>;

export const UpdateRestreamTargetRequest = Type.Object(
  {
    name: Type.Optional(Name),
    url: Type.Optional(Url),
    key: Type.Optional(Key),
    passphrase: Type.Optional(Passphrase),
    enabled: Type.Optional(Enabled),
  },
  { $id: 'UpdateRestreamTargetRequest', additionalProperties: false, examples: [{ enabled: false }] },
);
export type UpdateRestreamTargetRequest = Static<typeof UpdateRestreamTargetRequest>;

export const RestreamTargetResponse = Type.Object(
  { target: ref(RestreamTarget) },
  { $id: 'RestreamTargetResponse' },
);
export type RestreamTargetResponse = Static<typeof RestreamTargetResponse>;

export const RestreamTargetsResponse = Type.Object(
  { targets: Type.Array(ref(RestreamTarget)) },
  { $id: 'RestreamTargetsResponse' },
);
export type RestreamTargetsResponse = Static<typeof RestreamTargetsResponse>;

export const RESTREAM_SCHEMAS = [
  RestreamStatus,
  RestreamTarget,
  CreateRestreamTargetRequest,
  UpdateRestreamTargetRequest,
  RestreamTargetResponse,
  RestreamTargetsResponse,
];
