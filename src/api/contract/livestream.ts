import { type Static, Type } from 'typebox';
import { Id, MANY_LINES, nullable, ONE_LINE, ref, Time } from './common.js';

export const Playback = Type.Object(
  {
    hls: Type.String({ format: 'uri', description: 'The multivariant playlist' }),
    whep: Type.Optional(
      Type.String({
        format: 'uri',
        description: 'WebRTC by WHEP (draft-ietf-wish-whep); missing where it is off',
      }),
    ),
    watch: Type.String({ format: 'uri', description: 'The watch page' }),
  },
  { $id: 'Playback' },
);
export type Playback = Static<typeof Playback>;

const Optional = { number: Type.Optional(Type.Number()), boolean: Type.Optional(Type.Boolean()) };

/** What the publisher sends. Fields appear as they are found out. */
export const Source = Type.Object(
  {
    protocol: Type.Enum(['rtmp', 'rtmps', 'whip']),
    encoder: Type.Optional(Type.String()),
    video: Type.Optional(
      Type.Object({
        codec: Type.String(),
        width: Optional.number,
        height: Optional.number,
        frameRate: Optional.number,
        bitrate: Optional.number,
        keyframeInterval: Optional.number,
        bFrames: Optional.boolean,
      }),
    ),
    audio: Type.Optional(
      Type.Object({
        codec: Type.String(),
        sampleRate: Optional.number,
        channels: Optional.number,
        bitrate: Optional.number,
      }),
    ),
  },
  { $id: 'Source', description: 'Bitrates in bits per second, intervals in seconds' },
);
export type Source = Static<typeof Source>;

export const Stream = Type.Object(
  {
    id: Id,
    userId: nullable(Type.String()),
    title: Type.String(),
    description: Type.String(),
    status: Type.Enum(['scheduled', 'live', 'ended']),
    state: Type.Object({
      name: Type.Enum(['offline', 'starting', 'live', 'reconnecting', 'ending']),
      until: Type.Optional(
        Type.String({ format: 'date-time', description: 'How long a lost publisher is waited for' }),
      ),
    }),
    startedAt: nullable(Time),
    endedAt: nullable(Time),
    viewerCountPeak: Type.Integer(),
    recordingEnabled: Type.Boolean(),
    recordingUrl: nullable(Type.String()),
    thumbnailUrl: nullable(Type.String()),
    createdAt: Time,
    playback: ref(Playback),
    source: nullable(ref(Source)),
    notices: Type.Array(Type.Object({ topic: Type.String(), message: Type.String() }), {
      description: 'What the broadcaster should know of the health of the broadcast',
    }),
  },
  { $id: 'Stream' },
);
export type Stream = Static<typeof Stream>;

export const CreateRequest = Type.Object(
  {
    title: Type.String({ minLength: 1, maxLength: 200, pattern: ONE_LINE }),
    description: Type.Optional(Type.String({ maxLength: 5_000, pattern: MANY_LINES })),
    recordingEnabled: Type.Optional(Type.Boolean({ default: false })),
    userId: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        pattern: ONE_LINE,
        description: "Whose stream it is, in the host platform's own notation",
      }),
    ),
  },
  { $id: 'CreateRequest', additionalProperties: false },
);
export type CreateRequest = Static<typeof CreateRequest>;

const IngestServer = Type.Object({
  server: Type.String({ format: 'uri', description: 'For the encoder: server' }),
  key: Type.String({ description: 'For the encoder: stream key' }),
});

export const CreateResponse = Type.Object(
  {
    streamId: Id,
    streamKey: Type.String({ description: 'Shown this once: whoever has it can publish' }),
    ingest: Type.Object({
      rtmp: IngestServer,
      rtmps: Type.Optional(IngestServer),
      whip: Type.Optional(IngestServer),
    }),
    playback: ref(Playback),
  },
  { $id: 'CreateResponse' },
);
export type CreateResponse = Static<typeof CreateResponse>;

export const PageQuery = Type.Object(
  {
    limit: Type.Integer({ minimum: 1, maximum: 100, default: 50 }),
    offset: Type.Integer({ minimum: 0, maximum: 1_000_000, default: 0 }),
  },
  { additionalProperties: false },
);

export const StreamParams = Type.Object({ streamId: Id });

export const StreamResponse = Type.Object({ stream: ref(Stream) }, { $id: 'StreamResponse' });
export type StreamResponse = Static<typeof StreamResponse>;

export const StreamsResponse = Type.Object({ streams: Type.Array(ref(Stream)) }, { $id: 'StreamsResponse' });
export type StreamsResponse = Static<typeof StreamsResponse>;

export const EndRequest = Type.Object(
  {
    recordingUrl: Type.Optional(
      Type.String({
        maxLength: 2_000,
        pattern: '^https?://[^\\s\\p{Cc}]+$',
        description: 'Where a recording made elsewhere can be found',
      }),
    ),
  },
  { $id: 'EndRequest', additionalProperties: false },
);
export type EndRequest = Static<typeof EndRequest>;

export const EndResponse = Type.Object({ success: Type.Literal(true) }, { $id: 'EndResponse' });
export type EndResponse = Static<typeof EndResponse>;

export const LIVESTREAM_SCHEMAS = [
  Playback,
  Source,
  Stream,
  CreateRequest,
  CreateResponse,
  StreamResponse,
  StreamsResponse,
  EndRequest,
  EndResponse,
];
