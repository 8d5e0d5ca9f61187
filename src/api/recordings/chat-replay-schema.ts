import { type Static, Type } from 'typebox';
import { ChatMessage } from '../chat/chat-schema.js';
import { Id, ref } from '../server/common-schema.js';

/** Longest time from the start of a recording, s: a year. */
const MAXIMUM_POSITION_S = 366 * 86_400;

export const ChatReplayQuery = Type.Object(
  {
    fromS: Type.Number({
      ...{ minimum: 0, maximum: MAXIMUM_POSITION_S, default: 0 },
      description: 'Seconds on the timeline of the recording or clip: the first that is wanted',
    }),
    toS: Type.Number({
      ...{ minimum: 0, maximum: MAXIMUM_POSITION_S, default: MAXIMUM_POSITION_S },
      description: 'The first that is not wanted any more',
    }),
    after: Type.Optional({ ...Id, description: 'Id of the last message of the previous page' }),
    limit: Type.Integer({ minimum: 1, maximum: 200, default: 100 }),
  },
  { additionalProperties: false },
);
export type ChatReplayQuery = Static<typeof ChatReplayQuery>;

export const ChatReplay = Type.Object(
  {
    messages: Type.Array(
      Type.Object({
        positionS: Type.Number({
          description:
            'Place in the recording or clip that its author was watching; of a time at which nothing was broadcast, where it goes on',
        }),
        message: ref(ChatMessage),
      }),
      { description: 'In the order of their media time, without deleted ones' },
    ),
    more: Type.Boolean({ description: 'There are further messages `after` the last one' }),
  },
  { $id: 'ChatReplay' },
);
export type ChatReplay = Static<typeof ChatReplay>;

export const CHAT_REPLAY_SCHEMAS = [ChatReplay];
