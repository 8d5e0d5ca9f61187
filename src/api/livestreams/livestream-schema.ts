import { type Static, Type } from 'typebox';
import { LADDER_LIMITS } from '../../streams/index.js';
import {
  Id,
  MANY_LINES,
  nullable,
  ONE_LINE,
  ref,
  Time,
  UserId,
  WEB_ADDRESS,
} from '../server/common-schema.js';

export const Playback = Type.Object(
  {
    hls: Type.String({ format: 'uri', description: 'Multivariant playlist' }),
    dash: Type.String({ format: 'uri', description: 'DASH presentation description' }),
    whep: Type.Optional(
      Type.String({
        format: 'uri',
        description: 'WHEP endpoint (draft-ietf-wish-whep); missing when WebRTC is off',
      }),
    ),
    rewind: Type.Optional(
      Type.Object(
        {
          hls: Type.String({ format: 'uri', description: 'Multivariant playlist' }),
          sprites: Type.String({
            format: 'uri',
            description:
              'WebVTT with the addresses of preview tiles, for scrubbing; identifiers of cues are dates',
          }),
          windowS: Type.Number({ description: 'Duration of the window, seconds' }),
        },
        {
          description:
            'Playlists of the running broadcast that reach back as far as viewers can rewind; missing when that is off',
        },
      ),
    ),
    watch: Type.String({ format: 'uri', description: 'Page that plays the livestream' }),
  },
  { $id: 'Playback' },
);
export type Playback = Static<typeof Playback>;

const Optional = { number: Type.Optional(Type.Number()), boolean: Type.Optional(Type.Boolean()) };

/** Properties of the published media; each appears once it is determined. */
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
        droppedFrames: Optional.number,
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

export const Viewers = Type.Object(
  {
    total: Type.Integer(),
    byProtocol: Type.Object(
      {},
      {
        additionalProperties: Type.Integer(),
        description:
          'Viewers per protocol: `whep`, `ll-hls`, `hls`, `dash`. Viewers that joined without playing count in `total` only',
      },
    ),
  },
  { $id: 'Viewers', description: 'Current viewers' },
);
export type Viewers = { total: number; byProtocol: Record<string, number> };

const VISIBILITY = {
  description:
    '`public`: listed, everyone may watch; `unlisted`: everyone who knows the id may watch; `private`: owner, administrators and invited users. Others get 404 for a private livestream',
};
const VIEWER_LIMIT = { minimum: 1, maximum: 1_000_000, description: 'Maximum concurrent viewers' };
/** Of livestreams and recordings. */
export const Title = Type.String({ minLength: 1, maxLength: 200, pattern: ONE_LINE });
export const Visibility = Type.Enum(['public', 'unlisted', 'private'], VISIBILITY);
const ClipsBy = Type.Enum(['moderators', 'viewers'], {
  description:
    'Accounts that may make clips: `moderators` with owner and administrators, or all `viewers` who are signed in',
});

/** Words by which a livestream and its recordings are found. */
const Tags = Type.Array(Type.String({ minLength: 1, maxLength: 30, pattern: ONE_LINE }), {
  maxItems: 5,
  uniqueItems: true,
});

const Testing = Type.Boolean({
  description:
    'Private test: only the owner and administrators may watch, whatever `visibility` says, and nothing is listed, recorded by itself or sent to restream targets. When it ends, the same broadcast goes on with `visibility`',
});

/** Renditions below the source, best first. */
const Ladder = Type.Array(
  Type.Object(
    {
      height: Type.Integer({
        ...LADDER_LIMITS.height,
        multipleOf: 2,
        description: 'Shorter side, pixels: lines in landscape, columns in portrait',
      }),
      bitrate: Type.Integer({ ...LADDER_LIMITS.bitrate, description: 'Video, bits per second' }),
      frameRate: Type.Optional(
        Type.Integer({
          ...LADDER_LIMITS.frameRate,
          description:
            'Maximum frames per second; frames of the source are left out evenly. Default: those of the source',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  {
    maxItems: LADDER_LIMITS.rungs,
    description:
      'Renditions that are encoded below the source, in H.264, from the next broadcast on: best first, height and bitrate descending. Those that are not smaller than the source are left out, and none takes more bits than it. Empty: the source only; null: the ladder of the server',
  },
);

export const Stream = Type.Object(
  {
    id: Id,
    userId: nullable(Type.String()),
    userName: nullable(
      Type.String({ description: 'Name of the owner, whose page is `/@NAME`; null without an account here' }),
    ),
    title: Type.String(),
    description: Type.String(),
    tags: Tags,
    status: Type.Enum(['scheduled', 'live', 'ended']),
    visibility: Visibility,
    testing: Testing,
    viewerLimit: nullable(Type.Integer(VIEWER_LIMIT)),
    scheduledAt: nullable(Time),
    state: Type.Object({
      name: Type.Enum(['offline', 'starting', 'live', 'reconnecting', 'ending']),
      until: Type.Optional(
        Type.String({
          format: 'date-time',
          description: 'Time until which the broadcast waits for its publisher',
        }),
      ),
    }),
    startedAt: nullable(
      Type.String({
        format: 'date-time',
        description:
          'Start of the newest broadcast; with the status `scheduled`: time of the announced start',
      }),
    ),
    endedAt: nullable(Time),
    endedForGood: Type.Boolean({
      description: 'Its stream keys admit nobody any more; after other ends it may go live again',
    }),
    viewers: ref(Viewers),
    viewerCountPeak: Type.Integer(),
    recordingEnabled: Type.Boolean(),
    ladder: nullable(Ladder),
    clipsBy: ClipsBy,
    recordingUrl: nullable(Type.String()),
    thumbnailUrl: nullable(Type.String()),
    createdAt: Time,
    playback: ref(Playback),
    source: nullable(ref(Source)),
    notices: Type.Array(Type.Object({ topic: Type.String(), message: Type.String() }), {
      description: 'Health notices for the broadcaster',
    }),
  },
  { $id: 'Stream' },
);
export type Stream = Static<typeof Stream>;

/** Settings at creation; can be changed later. */
const settings = {
  title: Title,
  description: Type.String({ maxLength: 5_000, pattern: MANY_LINES }),
  tags: Tags,
  recordingEnabled: Type.Boolean(),
  ladder: nullable(Ladder),
  clipsBy: ClipsBy,
  visibility: Visibility,
  viewerLimit: nullable(Type.Integer(VIEWER_LIMIT)),
  scheduledAt: nullable(Type.String({ format: 'date-time', description: 'Planned start' })),
};

export const CreateRequest = Type.Object(
  {
    ...Type.Partial(Type.Object(settings)).properties,
    title: settings.title,
    userId: Type.Optional(UserId),
    guests: Type.Optional(
      Type.Array(UserId, {
        maxItems: 100,
        description: 'User ids of the users who may watch if the livestream is private',
      }),
    ),
  },
  {
    $id: 'CreateRequest',
    additionalProperties: false,
    examples: [
      { title: 'Friday concert', description: 'From the city theatre', recordingEnabled: true },
      { title: 'Rehearsal', visibility: 'private', guests: ['user-17'], scheduledAt: '2026-05-01T18:00:00Z' },
    ],
  },
);
export type CreateRequest = Static<typeof CreateRequest>;

export const EditRequest = Type.Object(
  {
    ...Type.Partial(Type.Object(settings)).properties,
    testing: Type.Optional(Testing),
    thumbnailUrl: Type.Optional(
      nullable(
        Type.String({
          maxLength: 2_000,
          pattern: WEB_ADDRESS,
          description: 'URL of an image on another server',
        }),
      ),
    ),
  },
  {
    $id: 'EditRequest',
    additionalProperties: false,
    minProperties: 1,
    description: 'Absent fields stay unchanged',
    examples: [{ title: 'Saturday concert', scheduledAt: '2026-05-02T18:00:00Z' }],
  },
);
export type EditRequest = Static<typeof EditRequest>;

const IngestServer = Type.Object({
  server: Type.String({ format: 'uri', description: 'Server setting of the encoder' }),
  key: Type.String({ description: 'Stream key setting of the encoder' }),
});

export const CreateResponse = Type.Object(
  {
    streamId: Id,
    streamKey: Type.String({ description: 'Shown only in this response. A secret: it permits publishing' }),
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

export const StreamResponse = Type.Object({ stream: ref(Stream) }, { $id: 'StreamResponse' });
export type StreamResponse = Static<typeof StreamResponse>;

export const StreamsResponse = Type.Object({ streams: Type.Array(ref(Stream)) }, { $id: 'StreamsResponse' });
export type StreamsResponse = Static<typeof StreamsResponse>;

export const EndRequest = Type.Object(
  {
    recordingUrl: Type.Optional(
      Type.String({
        maxLength: 2_000,
        pattern: WEB_ADDRESS,
        description: 'URL of a recording on another server',
      }),
    ),
  },
  { $id: 'EndRequest', additionalProperties: false },
);
export type EndRequest = Static<typeof EndRequest>;

export const ThumbnailResponse = Type.Object(
  { success: Type.Literal(true), thumbnailUrl: Type.String({ format: 'uri' }) },
  { $id: 'ThumbnailResponse' },
);
export type ThumbnailResponse = Static<typeof ThumbnailResponse>;

export const LIVESTREAM_SCHEMAS = [
  Playback,
  Source,
  Viewers,
  Stream,
  CreateRequest,
  CreateResponse,
  EditRequest,
  StreamResponse,
  StreamsResponse,
  EndRequest,
  ThumbnailResponse,
];
