import { type Static, Type } from 'typebox';
import { recordedPlayback } from '../recordings/playback-schema.js';
import { Id, nullable, ONE_LINE, ref, Time } from '../server/common-schema.js';

const Visibility = Type.Enum(['public', 'unlisted', 'private'], {
  description:
    '`public`: listed, everyone may watch; `unlisted`: everyone who knows the id may watch; `private`: owner and administrators. Others get 404 for a private video',
});

export const Video = Type.Object(
  {
    id: Id,
    userId: Type.String(),
    title: Type.String(),
    visibility: Visibility,
    state: Type.Enum(['uploading', 'queued', 'transcoding', 'ready', 'failed']),
    failure: nullable(
      Type.Object(
        { code: Type.String(), message: Type.String({ description: 'Message for people' }) },
        { description: 'Why it failed' },
      ),
    ),
    progress: Type.Number({ description: 'Share that is transcoded, 0 to 1' }),
    durationS: nullable(Type.Number()),
    uploadBytes: Type.Integer({ description: 'Announced length of the upload' }),
    sizeBytes: Type.Integer({ description: 'Renditions; grows while they are made' }),
    createdAt: Time,
    playback: recordedPlayback(
      'video',
      'The video as one MP4 file, for download. `?height=720`: the rendition of this height instead of the tallest',
    ),
  },
  { $id: 'Video' },
);
export type Video = Static<typeof Video>;

export const EditVideoRequest = Type.Object(
  {
    title: Type.Optional(Type.String({ minLength: 1, maxLength: 200, pattern: ONE_LINE })),
    visibility: Type.Optional(Visibility),
  },
  { $id: 'EditVideoRequest', additionalProperties: false, minProperties: 1, examples: [{ title: 'A film' }] },
);
export type EditVideoRequest = Static<typeof EditVideoRequest>;

export const VideoResponse = Type.Object({ video: ref(Video) }, { $id: 'VideoResponse' });
export type VideoResponse = Static<typeof VideoResponse>;

export const VideosResponse = Type.Object({ videos: Type.Array(ref(Video)) }, { $id: 'VideosResponse' });
export type VideosResponse = Static<typeof VideosResponse>;

export const VIDEO_SCHEMAS = [Video, EditVideoRequest, VideoResponse, VideosResponse];
