import { type Static, Type } from 'typebox';
import { Id, nullable, ref, Time } from '../server/common-schema.js';

const column = (description: string) => Type.Array(nullable(Type.Number()), { description });

export const HealthSeries = Type.Object(
  {
    at: Type.Array(Type.Number(), { description: 'Unix ms' }),
    videoBitrate: column('Received bits per second'),
    audioBitrate: column('Received bits per second'),
    frameRate: column('Received pictures per second'),
    keyframeInterval: column('Longest of the last few keyframe intervals, seconds'),
    droppedPictures: column('Pictures that the encoder left out of its frame rate'),
    lateMs: column('How much later media arrive than the earliest of the last minute; RTMP'),
    roundTripMs: column(
      'Round trip to the publisher; WHIP, where the publisher answers RTCP extended reports',
    ),
    packetLoss: column('Share of the packets that never came, 0 to 1; WHIP'),
    audioLevel: column(
      'Loudness (RMS), dBFS, -100 is silence. WHIP: as the publisher tells it (RFC 6464). RTMP: decoded while the health is requested',
    ),
    avSkewMs: column('How much later sound is timed than the picture that arrives with it'),
  },
  { $id: 'HealthSeries', description: 'Columns of equal length, one value a second; null: unknown' },
);
export type HealthSeries = Static<typeof HealthSeries>;

export const HealthFinding = Type.Object(
  {
    code: Type.String({ description: 'Stable name, such as `keyframes-far-apart`' }),
    severity: Type.Enum(['info', 'warning', 'error'], {
      description: '`info`: nothing is wrong; `warning`: viewers may notice; `error`: viewers do notice',
    }),
    message: Type.String({ description: 'What is wrong' }),
    cure: Type.String({ description: 'What to do' }),
    since: Type.String({ format: 'date-time', description: 'Begin of the last occurrence' }),
    until: nullable(Type.String({ format: 'date-time', description: 'End of it; null: it is present' })),
    occurrences: Type.Integer({ description: 'How often it has occurred in this broadcast' }),
  },
  { $id: 'HealthFinding' },
);
export type HealthFinding = Static<typeof HealthFinding>;

export const Health = Type.Object(
  {
    streamId: Id,
    broadcast: nullable(Type.Object({ id: Id, startedAt: Time, endedAt: nullable(Time) })),
    series: ref(HealthSeries),
    findings: Type.Array(ref(HealthFinding), { description: 'Present faults' }),
    pastFindings: Type.Array(ref(HealthFinding), { description: 'Earlier faults of the broadcast' }),
  },
  { $id: 'Health', description: 'Health of the media of the newest broadcast' },
);
export type Health = Static<typeof Health>;

export const HealthResponse = Type.Object({ health: ref(Health) }, { $id: 'HealthResponse' });
export type HealthResponse = Static<typeof HealthResponse>;

export const HealthQuery = Type.Object(
  {
    since: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description:
          'Returns only samples later than this Unix time, ms: the last `at` of the response before',
      }),
    ),
  },
  { additionalProperties: false },
);

export const HEALTH_SCHEMAS = [HealthSeries, HealthFinding, Health, HealthResponse];
