import { type Static, Type } from 'typebox';
import { Id, nullable, OFFSET_MAXIMUM, ONE_LINE, ref, Time, UserId } from '../server/common-schema.js';

/** Characters before normalisation; the length after it is checked by the chat. */
const MAXIMUM_RAW_TEXT = 2_000;

export const ChatMessage = Type.Object(
  {
    id: Id,
    streamId: Id,
    userId: Type.String(),
    name: Type.String({ description: 'Display name' }),
    badge: Type.Optional(
      Type.Enum(['broadcaster', 'admin', 'moderator'], {
        description: 'Role of the author at the time of writing; viewers have none',
      }),
    ),
    message: Type.String({ description: 'Plain text, no markup' }),
    createdAt: Time,
    mediaTime: Type.String({
      format: 'date-time',
      description: 'Media time that the author was watching, on the timeline of the broadcast',
    }),
    clientId: Type.Optional(Type.String()),
  },
  { $id: 'ChatMessage' },
);
export type ChatMessage = Static<typeof ChatMessage>;

export const ChatHistoryQuery = Type.Object(
  {
    limit: Type.Integer({ minimum: 1, maximum: 100, default: 100 }),
    offset: Type.Integer({
      minimum: 0,
      maximum: OFFSET_MAXIMUM,
      default: 0,
      description: 'Number of messages to skip, counted back from the newest or from `before`',
    }),
    before: Type.Optional(
      Type.String({
        format: 'uuid',
        description: 'Returns messages older than this id; stable when new messages arrive',
      }),
    ),
    after: Type.Optional(
      Type.String({
        format: 'uuid',
        description: 'Returns messages newer than this id, starting with the oldest of them',
      }),
    ),
  },
  { additionalProperties: false },
);

export const ChatHistory = Type.Object(
  { messages: Type.Array(ref(ChatMessage), { description: 'Oldest first' }) },
  { $id: 'ChatHistory' },
);
export type ChatHistory = Static<typeof ChatHistory>;

export const ChatPostRequest = Type.Object(
  {
    message: Type.String({
      minLength: 1,
      maxLength: MAXIMUM_RAW_TEXT,
      description: 'One line, at most 500 characters after normalisation (NFC)',
    }),
    clientId: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 64,
        description: 'Idempotency key chosen by the client: a message sent again under it is stored once',
      }),
    ),
    mediaTime: Type.Optional(
      Type.Union([Type.String({ format: 'date-time' }), Type.Number({ description: 'Unix milliseconds' })], {
        description: 'Media time that the author was watching; default: server time',
      }),
    ),
    userId: Type.Optional({ ...UserId, description: 'Author; accepted from the operator only' }),
    name: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 100,
        pattern: ONE_LINE,
        description: 'Display name of the author; accepted from the operator only',
      }),
    ),
  },
  { $id: 'ChatPostRequest', additionalProperties: false, examples: [{ message: 'Hello everybody' }] },
);
export type ChatPostRequest = Static<typeof ChatPostRequest>;

export const ChatPostResponse = Type.Object(
  { success: Type.Literal(true), messageId: Id },
  { $id: 'ChatPostResponse' },
);
export type ChatPostResponse = Static<typeof ChatPostResponse>;

export const ChatMessageParams = Type.Object({ streamId: Id, messageId: Id });
export const ChatUserParams = Type.Object({ streamId: Id, userId: UserId });
export const ChatPollParams = Type.Object({ streamId: Id, pollId: Id });

const settings = {
  slowMode: Type.Integer({
    minimum: 0,
    maximum: 3_600,
    description: 'Minimum interval between messages of one user, seconds; 0: off',
  }),
  membersOnly: Type.Boolean({ description: 'Only invited users and moderators may write' }),
  followersOnly: Type.Boolean({ description: 'Only followers of the broadcaster and moderators may write' }),
  emoteOnly: Type.Boolean(),
  anonymous: Type.Boolean({ description: 'Whether viewers without an account may write' }),
  links: Type.Enum(['allowed', 'moderators', 'forbidden'], {
    description: 'Users who may post links: everyone, moderators and above, or no one',
  }),
};
const blockedTerms = Type.Array(Type.String({ minLength: 1, maxLength: 100, pattern: ONE_LINE }), {
  maxItems: 200,
  description:
    'Whole words, compared without case, width and accents; `*` at the start or end matches parts of words',
});

export const ChatSettings = Type.Object(
  {
    ...settings,
    blockedTerms: Type.Optional({ ...blockedTerms, description: 'Included for moderators only' }),
  },
  { $id: 'ChatSettings' },
);
export type ChatSettings = Static<typeof ChatSettings>;

export const ChatSettingsChange = Type.Partial(Type.Object({ ...settings, blockedTerms }), {
  $id: 'ChatSettingsChange',
  additionalProperties: false,
  minProperties: 1,
  examples: [{ slowMode: 10, links: 'moderators' }],
});
export type ChatSettingsChange = Static<typeof ChatSettingsChange>;

export const ChatSettingsResponse = Type.Object(
  { settings: ref(ChatSettings) },
  { $id: 'ChatSettingsResponse' },
);

export const ChatBan = Type.Object(
  {
    userId: Type.String(),
    address: Type.Boolean({ description: 'Whether other users at the same address are banned too' }),
    reason: Type.String(),
    createdBy: Type.String(),
    createdAt: Time,
    until: nullable(Time),
  },
  { $id: 'ChatBan' },
);
export type ChatBan = Static<typeof ChatBan>;

export const ChatBanRequest = Type.Object(
  {
    userId: UserId,
    seconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 31_536_000,
        description: 'Duration of a timeout; missing: permanent ban',
      }),
    ),
    reason: Type.Optional(Type.String({ maxLength: 200, pattern: '^[^\\p{Cc}\\p{Cs}]*$' })),
    address: Type.Optional(
      Type.Boolean({ description: 'Bans the address of the user too; default: for permanent bans only' }),
    ),
    purge: Type.Optional(Type.Boolean({ description: 'Deletes the messages of the user too' })),
  },
  {
    $id: 'ChatBanRequest',
    additionalProperties: false,
    examples: [{ userId: 'somebody', seconds: 600, reason: 'Spoilers' }],
  },
);

export const ChatBanResponse = Type.Object({ ban: ref(ChatBan) }, { $id: 'ChatBanResponse' });
export const ChatBansResponse = Type.Object({ bans: Type.Array(ref(ChatBan)) }, { $id: 'ChatBansResponse' });

export const ChatPurgeRequest = Type.Object(
  { userId: UserId },
  { $id: 'ChatPurgeRequest', additionalProperties: false },
);
export const ChatPurgeResponse = Type.Object(
  { success: Type.Literal(true), deleted: Type.Integer() },
  { $id: 'ChatPurgeResponse' },
);

export const ChatModeratorsResponse = Type.Object(
  { moderators: Type.Array(Type.Object({ userId: Type.String(), appointedAt: Time })) },
  { $id: 'ChatModeratorsResponse' },
);

export const ChatLogEntry = Type.Object(
  {
    id: Id,
    moderatorId: Type.String(),
    action: Type.String(),
    userId: nullable(Type.String()),
    messageId: nullable(Id),
    details: nullable(Type.Record(Type.String(), Type.Unknown())),
    createdAt: Time,
  },
  { $id: 'ChatLogEntry' },
);

export const ChatLogQuery = Type.Object(
  {
    limit: Type.Integer({ minimum: 1, maximum: 100, default: 50 }),
    before: Type.Optional(Type.String({ format: 'uuid', description: 'Returns entries older than this id' })),
  },
  { additionalProperties: false },
);

export const ChatLogResponse = Type.Object(
  { entries: Type.Array(ref(ChatLogEntry), { description: 'Newest first' }) },
  { $id: 'ChatLogResponse' },
);

export const ChatPoll = Type.Object(
  {
    id: Id,
    question: Type.String(),
    options: Type.Array(Type.Object({ text: Type.String(), votes: Type.Integer() })),
    votes: Type.Integer({ description: 'Total of all options' }),
    createdAt: Time,
    closesAt: Time,
    closedAt: nullable(Time),
  },
  { $id: 'ChatPoll' },
);
export type ChatPoll = Static<typeof ChatPoll>;

export const ChatPollRequest = Type.Object(
  {
    question: Type.String({ minLength: 1, maxLength: MAXIMUM_RAW_TEXT }),
    options: Type.Array(Type.String({ minLength: 1, maxLength: MAXIMUM_RAW_TEXT }), {
      minItems: 2,
      maxItems: 10,
    }),
    seconds: Type.Optional(Type.Integer({ minimum: 10, maximum: 3_600, default: 60 })),
  },
  {
    $id: 'ChatPollRequest',
    additionalProperties: false,
    examples: [{ question: 'Which map next?', options: ['The old one', 'The new one'], seconds: 120 }],
  },
);

export const ChatVoteRequest = Type.Object(
  { option: Type.Integer({ minimum: 0, description: 'Index, from 0' }) },
  { $id: 'ChatVoteRequest', additionalProperties: false },
);

export const ChatPollResponse = Type.Object({ poll: ref(ChatPoll) }, { $id: 'ChatPollResponse' });
export const ChatPollsResponse = Type.Object(
  { polls: Type.Array(ref(ChatPoll), { description: 'Newest first' }) },
  { $id: 'ChatPollsResponse' },
);

export const CHAT_SCHEMAS = [
  ChatMessage,
  ChatHistory,
  ChatPostRequest,
  ChatPostResponse,
  ChatSettings,
  ChatSettingsChange,
  ChatSettingsResponse,
  ChatBan,
  ChatBanRequest,
  ChatBanResponse,
  ChatBansResponse,
  ChatPurgeRequest,
  ChatPurgeResponse,
  ChatModeratorsResponse,
  ChatLogEntry,
  ChatLogResponse,
  ChatPoll,
  ChatPollRequest,
  ChatVoteRequest,
  ChatPollResponse,
  ChatPollsResponse,
];
