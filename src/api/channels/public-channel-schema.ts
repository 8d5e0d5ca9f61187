import { type Static, Type } from 'typebox';
import { ref, UserId } from '../server/common-schema.js';

export const PublicChannel = Type.Object(
  {
    userId: UserId,
    name: Type.String({ description: 'Name of the account' }),
    description: Type.String(),
    followers: Type.Integer(),
    page: Type.String({ format: 'uri', description: 'Page of the channel' }),
  },
  { $id: 'PublicChannel', description: 'Account that may broadcast' },
);
export type PublicChannel = Static<typeof PublicChannel>;

export const PublicChannelResponse = Type.Object(
  { channel: ref(PublicChannel) },
  { $id: 'PublicChannelResponse' },
);
export type PublicChannelResponse = Static<typeof PublicChannelResponse>;

export const PUBLIC_CHANNEL_SCHEMAS = [PublicChannel, PublicChannelResponse];
