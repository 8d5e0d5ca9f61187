import { type Static, Type } from 'typebox';
import { CursorPageQuery, Id, nullable, ONE_LINE, ref, Time, UserId } from '../server/common-schema.js';

/** Longest time from the start of a recording, s: a year. */
const MAXIMUM_POSITION_S = 366 * 86_400;

const Title = Type.String({ minLength: 1, maxLength: 200, pattern: ONE_LINE });
const Visibility = Type.Enum(['public', 'unlisted', 'private'], {
  description:
    '`public`: listed if the livestream is public; `unlisted`: for everybody who may watch the livestream and knows the id; `private`: for who made it, the owner and the invitees of the livestream, and administrators. A clip is at most as public as its livestream',
});

export const Clip = Type.Object(
  {
    id: Id,
    streamId: Id,
    recordingId: nullable({ ...Id, description: 'Recording that it was cut from, while that exists' }),
    title: Type.String(),
    visibility: Visibility,
    state: Type.Enum(['processing', 'ready', 'failed']),
    failure: nullable(
      Type.Enum(['media-gone', 'format-changed', 'disk-full', 'encoder-failed', 'interrupted'], {
        description:
          '`media-gone`: the media were deleted meanwhile; `format-changed`: the sound changes its format within the clip, which only clips that are not exact can',
      }),
    ),
    exact: Type.Boolean(),
    createdBy: nullable(Type.String({ description: 'User id' })),
    createdAt: Time,
    startsAt: { ...Time, description: 'Wanted date of the media (EXT-X-PROGRAM-DATE-TIME)' },
    endsAt: Time,
    durationS: Type.Number(),
    sizeBytes: Type.Integer({ description: 'Counts for the storage of the owner of the livestream' }),
    page: Type.String({ format: 'uri', description: 'Page that plays the clip' }),
    playback: nullable(
      Type.Object(
        {
          hls: Type.String({ format: 'uri', description: 'Multivariant playlist' }),
          mp4: Type.String({
            format: 'uri',
            description: 'The clip as one MP4 file, for players and for download',
          }),
          poster: Type.String({
            format: 'uri',
            description: 'JPEG of its first frame; 404 if there is none',
          }),
        },
        { description: 'Null until it is ready' },
      ),
    ),
  },
  { $id: 'Clip' },
);
export type Clip = Static<typeof Clip>;

const settings = {
  title: Title,
  visibility: Type.Optional(Visibility),
  exact: Type.Optional(
    Type.Boolean({
      description:
        'Encode the video so that it begins and ends with the wanted frames. Default: whole segments that contain them, not encoded',
    }),
  ),
};
const start = { ...Time, description: 'Date of the media (EXT-X-PROGRAM-DATE-TIME)' };
const dates = { start, end: Time };
const positionS = Type.Number({ minimum: 0, maximum: MAXIMUM_POSITION_S });

export const CreateClipRequest = Type.Object(
  { ...settings, ...dates },
  {
    $id: 'CreateClipRequest',
    additionalProperties: false,
    description: '5 seconds to 3 minutes',
    examples: [{ title: 'The goal', start: '2026-05-01T18:20:05Z', end: '2026-05-01T18:20:35Z' }],
  },
);
export type CreateClipRequest = Static<typeof CreateClipRequest>;

export const CreateRecordingClipRequest = Type.Object(
  {
    ...settings,
    start: Type.Optional(start),
    end: Type.Optional(Time),
    startS: Type.Optional({ ...positionS, description: 'Seconds from the start of the recording' }),
    endS: Type.Optional(positionS),
  },
  {
    $id: 'CreateRecordingClipRequest',
    additionalProperties: false,
    description: '5 seconds to 3 minutes, by `start` and `end` or by `startS` and `endS`',
    examples: [{ title: 'The goal', startS: 95.5, endS: 125, exact: true }],
  },
);
export type CreateRecordingClipRequest = Static<typeof CreateRecordingClipRequest>;

export const UpdateClipRequest = Type.Object(
  { title: Type.Optional(Title), visibility: Type.Optional(Visibility) },
  {
    $id: 'UpdateClipRequest',
    additionalProperties: false,
    minProperties: 1,
    examples: [{ title: 'The goal of the year', visibility: 'unlisted' }],
  },
);
export type UpdateClipRequest = Static<typeof UpdateClipRequest>;

export const ClipResponse = Type.Object({ clip: ref(Clip) }, { $id: 'ClipResponse' });
export type ClipResponse = Static<typeof ClipResponse>;

export const ClipsResponse = Type.Object({ clips: Type.Array(ref(Clip)) }, { $id: 'ClipsResponse' });
export type ClipsResponse = Static<typeof ClipsResponse>;

export const StreamClipsResponse = Type.Object(
  {
    clips: Type.Array(ref(Clip)),
    mayClip: Type.Boolean({ description: 'The client may make clips of this livestream' }),
  },
  { $id: 'StreamClipsResponse' },
);
export type StreamClipsResponse = Static<typeof StreamClipsResponse>;

export const ClipsQuery = Type.Object(
  {
    ...CursorPageQuery.properties,
    userId: Type.Optional(UserId),
    ownerId: Type.Optional({ ...UserId, description: 'Owner of the livestreams' }),
  },
  { additionalProperties: false },
);

export const CLIP_SCHEMAS = [
  Clip,
  CreateClipRequest,
  CreateRecordingClipRequest,
  UpdateClipRequest,
  ClipResponse,
  ClipsResponse,
  StreamClipsResponse,
];
