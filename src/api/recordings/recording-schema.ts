import { type Static, Type } from 'typebox';
import { Title, Visibility } from '../livestreams/livestream-schema.js';
import { Id, nullable, ref, Time } from '../server/common-schema.js';
import { recordedPlayback } from './playback-schema.js';

const Renditions = Type.Enum(['source', 'all'], {
  description:
    '`source`: the renditions that need no further encoder; `all`: every rendition, which keeps all encoders running',
});

export const Recording = Type.Object(
  {
    id: Id,
    streamId: Id,
    title: Type.String(),
    visibility: Visibility,
    state: Type.Enum(['recording', 'ready', 'failed'], { description: '`failed`: it holds no media' }),
    renditions: Renditions,
    startedAt: Time,
    endedAt: nullable(Time),
    endReason: nullable(
      Type.Enum(
        [
          'broadcast-ended',
          'stopped',
          'disk-full',
          'disk-low',
          'disk-failed',
          'quota-reached',
          'interrupted',
        ],
        { description: '`interrupted`: the server was ended; the recording is whole up to there' },
      ),
    ),
    durationS: Type.Number({
      description:
        'Seconds of media, without the time in which nothing was broadcast; grows while it records',
    }),
    sizeBytes: Type.Integer(),
    droppedSegments: Type.Integer({
      description: 'Segments that are missing because the disk was too slow',
    }),
    playback: recordedPlayback(
      'recording',
      'The recording as one MP4 file, for download. `?height=720`: the rendition of this height instead of the source. 409 `recording_format_changed`: the sound changes its sample rate or channels within it; `details.parts` is the number of parts that `?part=1` and so on give',
    ),
  },
  { $id: 'Recording' },
);
export type Recording = Static<typeof Recording>;

export const StartRecordingRequest = Type.Object(
  { renditions: Type.Optional(Renditions) },
  { $id: 'StartRecordingRequest', additionalProperties: false, examples: [{ renditions: 'all' }] },
);
export type StartRecordingRequest = Static<typeof StartRecordingRequest>;

export const EditRecordingRequest = Type.Object(
  {
    title: Type.Optional(Title),
    visibility: Type.Optional(Visibility),
  },
  {
    $id: 'EditRecordingRequest',
    additionalProperties: false,
    minProperties: 1,
    description:
      'Until its visibility is set, a recording has that of its livestream when it was recorded, or the one that the livestream has now if that is stricter.',
    examples: [{ title: 'First evening', visibility: 'unlisted' }],
  },
);
export type EditRecordingRequest = Static<typeof EditRecordingRequest>;

export const RecordingResponse = Type.Object({ recording: ref(Recording) }, { $id: 'RecordingResponse' });
export type RecordingResponse = Static<typeof RecordingResponse>;

export const RecordingsResponse = Type.Object(
  { recordings: Type.Array(ref(Recording)) },
  { $id: 'RecordingsResponse' },
);
export type RecordingsResponse = Static<typeof RecordingsResponse>;

export const OwnRecordingsResponse = Type.Object(
  {
    recordings: Type.Array(ref(Recording)),
    storage: Type.Object(
      {
        recordings: Type.Integer(),
        clips: Type.Integer({ description: 'Clips of the livestreams of the account' }),
        videos: Type.Integer({ description: 'Uploaded videos, also unfinished ones' }),
        sizeBytes: Type.Integer({
          description: 'Of all of them; an upload that is not transcoded counts with its announced length',
        }),
        durationS: Type.Number({ description: 'Of recordings and clips' }),
        quotaBytes: Type.Integer({ description: '0: unlimited' }),
      },
      { description: 'What all recordings, clips and videos of the account take, whatever the filter' },
    ),
  },
  { $id: 'OwnRecordingsResponse' },
);
export type OwnRecordingsResponse = Static<typeof OwnRecordingsResponse>;

export const RECORDING_SCHEMAS = [
  OwnRecordingsResponse,
  Recording,
  StartRecordingRequest,
  EditRecordingRequest,
  RecordingResponse,
  RecordingsResponse,
];
