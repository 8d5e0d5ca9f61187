import { type Static, Type } from 'typebox';
import { Id, nullable, OFFSET_MAXIMUM, ONE_LINE, ref, Time, UserId } from '../server/common-schema.js';

/** Characters before normalisation; the length after it is checked by the chat. */
const MAXIMUM_RAW_TEXT = 2_000;

export const ChatMessage = Type.Object(
  {
    id: Id,
    streamId: Id,
    userId: Type.String(),
    name: Type.String({ description: 'How others see them' }),
    badge: Type.Optional(
      Type.Enum(['broadcaster', 'admin', 'moderator'], { description: 'What they were when they wrote' }),
    ),
    message: Type.String({ description: 'Text, not markup' }),
    createdAt: Time,
    mediaTime: Type.String({
      format: 'date-time',
      description: 'What the sender saw when they wrote, on the timeline of the media',
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
      description: 'Messages left out, counted back from the newest, or from `before`',
    }),
    before: Type.Optional(
      Type.String({
        format: 'uuid',
        description: 'Only messages older than this one: stable under new ones',
      }),
    ),
    after: Type.Optional(
      Type.String({
        format: 'uuid',
        description: 'Only messages newer than this one, beginning with the oldest of them',
      }),
    ),
  },
  { additionalProperties: false },
);

export const ChatHistory = Type.Object(
  { messages: Type.Array(ref(ChatMessage), { description: 'The newest last' }) },
  { $id: 'ChatHistory' },
);
export type ChatHistory = Static<typeof ChatHistory>;

export const ChatPostRequest = Type.Object(
  {
    message: Type.String({
      minLength: 1,
      maxLength: MAXIMUM_RAW_TEXT,
      description: 'One line of at most 500 characters once it is normalised (NFC)',
    }),
    clientId: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 64,
        description: "The sender's own name for the message: sent again under it, it is stored once",
      }),
    ),
    mediaTime: Type.Optional(
      Type.Union([Type.String({ format: 'date-time' }), Type.Number({ description: 'Unix milliseconds' })], {
        description: 'What the sender saw; the server’s time where it is not said',
      }),
    ),
    userId: Type.Optional({ ...UserId, description: 'In whose name: for the operator' }),
    name: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 100,
        pattern: ONE_LINE,
        description: 'Theirs: for the operator',
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
    description: 'Seconds between two messages of one person; 0: off',
  }),
  membersOnly: Type.Boolean({ description: 'Only those who are invited, and moderators, may write' }),
  followersOnly: Type.Boolean({ description: 'Only those who follow the broadcaster may write' }),
  emoteOnly: Type.Boolean(),
  anonymous: Type.Boolean({ description: 'Whether people without an account may write' }),
  links: Type.Enum(['allowed', 'moderators', 'forbidden'], { description: 'Who may post links' }),
};
const blockedTerms = Type.Array(Type.String({ minLength: 1, maxLength: 100, pattern: ONE_LINE }), {
  maxItems: 200,
  description: 'Whole words whatever their case, width and accents; `*` at an end: parts of words',
});

export const ChatSettings = Type.Object(
  { ...settings, blockedTerms: Type.Optional({ ...blockedTerms, description: 'Shown to moderators alone' }) },
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
    address: Type.Boolean({ description: 'Whether whoever comes from the same address is kept out too' }),
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
      Type.Integer({ minimum: 1, maximum: 31_536_000, description: 'A timeout; missing: for good' }),
    ),
    reason: Type.Optional(Type.String({ maxLength: 200, pattern: '^\\P{Cc}*$' })),
    address: Type.Optional(
      Type.Boolean({ description: 'With their address; where it is not said, with a ban for good' }),
    ),
    purge: Type.Optional(Type.Boolean({ description: 'Delete what they wrote' })),
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
    before: Type.Optional(Type.String({ format: 'uuid', description: 'Only entries older than this one' })),
  },
  { additionalProperties: false },
);

export const ChatLogResponse = Type.Object(
  { entries: Type.Array(ref(ChatLogEntry), { description: 'The newest first' }) },
  { $id: 'ChatLogResponse' },
);

export const ChatPoll = Type.Object(
  {
    id: Id,
    question: Type.String(),
    options: Type.Array(Type.Object({ text: Type.String(), votes: Type.Integer() })),
    votes: Type.Integer({ description: 'In all' }),
    createdAt: Time,
    closesAt: Time,
    closedAt: nullable(Time),
  },
  { $id: 'ChatPoll' },
);

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
  { option: Type.Integer({ minimum: 0, description: 'From 0' }) },
  { $id: 'ChatVoteRequest', additionalProperties: false },
);

export const ChatPollResponse = Type.Object({ poll: ref(ChatPoll) }, { $id: 'ChatPollResponse' });
export const ChatPollsResponse = Type.Object(
  { polls: Type.Array(ref(ChatPoll), { description: 'The newest first' }) },
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
