import { type Static, Type } from 'typebox';
import { AccessTokenView, SessionView } from '../auth/auth-schema.js';
import { Clip } from '../clips/clip-schema.js';
import { Channel, StreamKeyInfo } from '../keys/stream-key-schema.js';
import { Recording } from '../recordings/recording-schema.js';
import { RestreamTarget } from '../restreams/restream-schema.js';
import { nullable, ref, Time } from '../server/common-schema.js';
import { Video } from '../videos/video-schema.js';
import { Webhook } from '../webhooks/webhook-schema.js';

/** Body of an export, which is sent as it is read. */
export const AccountExport = Type.Object(
  {
    exportedAt: Time,
    userId: Type.String(),
    account: nullable(
      Type.Object({
        ...{ id: Type.String(), name: Type.String(), role: Type.String(), createdAt: Time },
        sessions: Type.Array(Type.Omit(SessionView, ['current'])),
        accessTokens: Type.Array(ref(AccessTokenView)),
      }),
    ),
    channel: nullable(ref(Channel)),
    channelKeys: Type.Array(ref(StreamKeyInfo)),
    restreamTargets: Type.Array(ref(RestreamTarget)),
    webhooks: Type.Array(ref(Webhook), { description: 'Of the server, for administrators' }),
    livestreams: Type.Array(
      Type.Object(
        {},
        {
          additionalProperties: true,
          description: 'A `Stream` with its `keys`, `guests`, `moderators`, `bans` and `restreamTargets`',
        },
      ),
    ),
    recordings: Type.Array(ref(Recording)),
    clips: Type.Array(ref(Clip), {
      description: 'Of the livestreams of the account, and those that it made',
    }),
    videos: Type.Array(ref(Video)),
    chatMessages: Type.Array(
      Type.Object({}, { additionalProperties: true, description: 'Also deleted ones (`deletedAt`)' }),
    ),
  },
  { $id: 'AccountExport' },
);
export type AccountExport = Static<typeof AccountExport>;

export const EXPORT_SCHEMAS = [AccountExport];
