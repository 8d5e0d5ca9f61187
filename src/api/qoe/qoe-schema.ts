import { type Static, Type } from 'typebox';
import { DELIVERIES, FALL_REASONS } from '../../qoe/index.js';
import { Id, nullable, Time } from '../server/common-schema.js';

/** Bounds of what a player reports at once: it reports at least every minute while it plays. */
const ms = (description: string) => Type.Integer({ minimum: 0, maximum: 600_000, description });
const times = (description: string) => Type.Integer({ minimum: 0, maximum: 1_000, description });
const Delivery = Type.Enum([...DELIVERIES]);

export const QoeReport = Type.Object(
  {
    streamId: Id,
    viewerToken: Type.Optional(
      Type.String({ maxLength: 1_200, description: 'Required for private livestreams; it is not stored' }),
    ),
    samples: Type.Array(
      Type.Object(
        {
          delivery: Delivery,
          startupMs: Type.Optional(ms('From the wish to play to the first picture; once per player')),
          playedMs: ms('Time that was played'),
          rebuffers: times('Stalls for lack of data'),
          rebufferMs: ms('Duration of the stalls'),
          switches: times('Changes of rendition'),
          failures: times('Errors that interrupted playback'),
          latencyMs: Type.Optional(ms('Measured time behind live')),
          neverPlayed: Type.Optional(
            Type.Boolean({ description: 'The viewer got no picture after an error; once per player' }),
          ),
          fall: Type.Optional(
            Type.Enum([...FALL_REASONS], {
              description: 'Reason for which the player fell from WebRTC to HLS',
            }),
          ),
        },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: 8 },
    ),
  },
  {
    $id: 'QoeReport',
    additionalProperties: false,
    description: 'What a player experienced since its last report',
    examples: [
      {
        streamId: '019b7d1c-5b7e-7a7d-9a5e-3f5c7f2d1a10',
        samples: [
          {
            ...{ delivery: 'webrtc', startupMs: 640, playedMs: 29_360, rebuffers: 1, rebufferMs: 200 },
            ...{ switches: 0, failures: 0, latencyMs: 180 },
          },
        ],
      },
    ],
  },
);
export type QoeReport = Static<typeof QoeReport>;

const Distribution = Type.Object(
  { count: Type.Integer(), p50Ms: Type.Integer(), p95Ms: Type.Integer() },
  { description: 'Quantiles, from a histogram' },
);

const low = (unit: 'Ms' | 'Kbps') =>
  nullable(
    Type.Object(
      { count: Type.Integer(), [`p5${unit}`]: Type.Integer(), [`p50${unit}`]: Type.Integer() },
      { description: 'Quantiles, from a histogram' },
    ),
  );

const Cmcd = Type.Object(
  {
    sessions: Type.Integer({
      description:
        'Playbacks by HLS that named a session (`sid`), as the pages of the gateway do. At most 20,000',
    }),
    requests: Type.Integer({ description: 'Requests that count: at busy times a sample of them' }),
    starvations: Type.Integer({ description: 'Requests before which the buffer was empty (`bs`)' }),
    urgent: Type.Integer({
      description: 'Requests at a start, after seeking or with an empty buffer (`su`)',
    }),
    buffer: low('Ms'),
    throughput: low('Kbps'),
  },
  {
    description:
      'What players said in their requests for HLS and DASH: Common Media Client Data (CTA-5004), by headers or the query argument `CMCD`. Those that a cache in front of the gateway answered are missing',
  },
);

export const QoeResponse = Type.Object(
  {
    broadcasts: Type.Array(
      Type.Object({
        broadcastId: Id,
        startedAt: Time,
        endedAt: nullable(Time),
        deliveries: Type.Array(
          Type.Object({
            delivery: Delivery,
            plays: Type.Integer({ description: 'Players that began to play' }),
            playedS: Type.Number(),
            rebuffers: Type.Integer(),
            rebufferS: Type.Number(),
            switches: Type.Integer(),
            failures: Type.Integer(),
            falls: Type.Object(
              {},
              { additionalProperties: Type.Integer(), description: 'Falls to HLS by reason' },
            ),
            startup: nullable(Distribution),
            latency: nullable(Distribution),
          }),
        ),
        cmcd: nullable(Cmcd),
      }),
    ),
  },
  { $id: 'QoeResponse' },
);
export type QoeResponse = Static<typeof QoeResponse>;

export const QOE_SCHEMAS = [QoeReport, QoeResponse];
