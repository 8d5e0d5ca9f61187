import { type Static, Type } from 'typebox';
import { Id, nullable, ONE_LINE, ref, Time } from '../server/common-schema.js';

const Role = Type.Enum(['viewer', 'broadcaster', 'admin'], {
  description: 'viewer: watch and chat; broadcaster: also create livestreams; admin: everything',
});

const Name = Type.String({
  minLength: 1,
  maxLength: 100,
  examples: ['Ada'],
  description: '3 to 32 visible characters; compared without case and in compatibility form (NFKC)',
});

const NewPassword = Type.String({ minLength: 8, maxLength: 200, examples: ['correct horse battery'] });
/** Existing password: no minimum length, so that a short one gets the error of a wrong one. */
const KnownPassword = Type.String({ minLength: 1, maxLength: 200, examples: ['correct horse battery'] });

export const User = Type.Object(
  {
    id: Type.String({ description: 'Account id, or user id of a host platform' }),
    name: Type.String({ description: 'Display name' }),
    role: Role,
  },
  {
    $id: 'User',
    examples: [{ id: '019b7d1c-5b7e-7a7d-9a5e-3f5c7f2d1a10', name: 'Ada', role: 'broadcaster' }],
  },
);
export type User = Static<typeof User>;

export const RegisterRequest = Type.Object(
  {
    name: Name,
    password: NewPassword,
    invitation: Type.Optional(
      Type.String({ minLength: 1, maxLength: 100, description: 'Invitation code: `hi_…`' }),
    ),
    role: Type.Optional(
      Type.Enum(['viewer', 'broadcaster', 'admin'], {
        description: 'Accepted from admins and the operator only',
      }),
    ),
  },
  {
    $id: 'RegisterRequest',
    additionalProperties: false,
    examples: [{ name: 'Ada', password: 'correct horse battery', invitation: `hi_${'0'.repeat(40)}` }],
  },
);
export type RegisterRequest = Static<typeof RegisterRequest>;

export const LoginRequest = Type.Object(
  { name: Name, password: KnownPassword },
  {
    $id: 'LoginRequest',
    additionalProperties: false,
    examples: [{ name: 'Ada', password: 'correct horse battery' }],
  },
);
export type LoginRequest = Static<typeof LoginRequest>;

const CsrfToken = Type.String({
  description: 'Value of the header X-CSRF-Token, required for changes authorized by cookie',
});

export const SignedInResponse = Type.Object(
  { user: ref(User), csrfToken: CsrfToken },
  { $id: 'SignedInResponse' },
);
export type SignedInResponse = Static<typeof SignedInResponse>;

export const RegisterResponse = Type.Object(
  { user: ref(User), csrfToken: Type.Optional(CsrfToken) },
  { $id: 'RegisterResponse', description: 'Registering an own account also signs in to it' },
);
export type RegisterResponse = Static<typeof RegisterResponse>;

export const MeResponse = Type.Object(
  {
    user: nullable(ref(User)),
    via: nullable(
      Type.Enum(['session', 'token', 'jwt', 'operator'], {
        description: 'Kind of the credential; null: anonymous',
      }),
    ),
    csrfToken: nullable(CsrfToken),
    registration: Type.Enum(['open', 'invitation', 'closed'], {
      description: 'Registration policy: everyone, holders of an invitation, or administrators only',
    }),
  },
  { $id: 'MeResponse' },
);
export type MeResponse = Static<typeof MeResponse>;

export const PasswordRequest = Type.Object(
  {
    current: KnownPassword,
    password: NewPassword,
    keepTokens: Type.Optional(
      Type.Boolean({ description: 'Whether access tokens of the account stay valid; default: false' }),
    ),
  },
  {
    $id: 'PasswordRequest',
    additionalProperties: false,
    examples: [{ current: 'correct horse battery', password: 'staple of horses' }],
  },
);
export type PasswordRequest = Static<typeof PasswordRequest>;

const PurgeMessages = Type.Boolean({
  description:
    'Whether messages in chats of other users are deleted too; default: false, they stay with the author `Deleted account`',
});

export const ACCOUNT_DELETION_DESCRIPTION =
  'Also deletes its livestreams, keys, tokens, follows and invitations to livestreams. View history and moderation log stay without its name. 409 `stream_under_way` while one of its livestreams is being broadcast: end it first.';

export const DeleteMeRequest = Type.Object(
  { password: KnownPassword, purgeMessages: Type.Optional(PurgeMessages) },
  {
    $id: 'DeleteMeRequest',
    additionalProperties: false,
    examples: [{ password: 'correct horse battery' }],
  },
);
export type DeleteMeRequest = Static<typeof DeleteMeRequest>;

export const AccountDeletionRequest = Type.Object(
  { purgeMessages: Type.Optional(PurgeMessages) },
  { $id: 'AccountDeletionRequest', additionalProperties: false, examples: [{ purgeMessages: true }] },
);
export type AccountDeletionRequest = Static<typeof AccountDeletionRequest>;

export const AccessTokenView = Type.Object(
  { id: Id, label: Type.String(), createdAt: Time, lastUsedAt: nullable(Time), expiresAt: nullable(Time) },
  { $id: 'AccessToken' },
);
export type AccessTokenView = Static<typeof AccessTokenView>;

export const AccessTokenRequest = Type.Object(
  {
    label: Type.String({ minLength: 1, maxLength: 100, pattern: ONE_LINE, examples: ['studio script'] }),
    expiresAt: Type.Optional(Time),
  },
  {
    $id: 'AccessTokenRequest',
    additionalProperties: false,
    examples: [{ label: 'studio script', expiresAt: '2027-01-01T00:00:00Z' }],
  },
);
export type AccessTokenRequest = Static<typeof AccessTokenRequest>;

export const AccessTokenResponse = Type.Object(
  {
    token: ref(AccessTokenView),
    secret: Type.String({ description: 'Shown only in this response: `hp_…`, for Authorization: Bearer' }),
  },
  { $id: 'AccessTokenResponse' },
);
export type AccessTokenResponse = Static<typeof AccessTokenResponse>;

export const AccessTokensResponse = Type.Object(
  { tokens: Type.Array(ref(AccessTokenView)) },
  { $id: 'AccessTokensResponse' },
);
export type AccessTokensResponse = Static<typeof AccessTokensResponse>;

export const SessionView = Type.Object(
  {
    id: Id,
    createdAt: Time,
    lastSeenAt: Time,
    expiresAt: Time,
    userAgent: Type.String(),
    network: Type.String({ description: 'Network of the sign-in: an IPv4 address or an IPv6 /64 network' }),
    current: Type.Boolean({ description: 'Whether this is the session of the request' }),
  },
  { $id: 'Session' },
);
export type SessionView = Static<typeof SessionView>;

export const SessionsResponse = Type.Object(
  { sessions: Type.Array(ref(SessionView)) },
  { $id: 'SessionsResponse' },
);
export type SessionsResponse = Static<typeof SessionsResponse>;

export const InvitationView = Type.Object(
  {
    id: Id,
    role: Role,
    createdAt: Time,
    expiresAt: Time,
    usedAt: nullable(Time),
    usedBy: nullable(Type.String({ description: 'Registered account' })),
  },
  { $id: 'Invitation' },
);
export type InvitationView = Static<typeof InvitationView>;

export const InvitationRequest = Type.Object(
  {
    role: Type.Optional(
      Type.Enum(['viewer', 'broadcaster', 'admin'], {
        description: 'Role of the account; default: broadcaster',
      }),
    ),
    days: Type.Optional(Type.Integer({ minimum: 1, maximum: 90, description: 'Lifetime, days; default: 7' })),
  },
  { $id: 'InvitationRequest', additionalProperties: false, examples: [{ role: 'broadcaster', days: 7 }] },
);
export type InvitationRequest = Static<typeof InvitationRequest>;

export const InvitationResponse = Type.Object(
  {
    invitation: ref(InvitationView),
    code: Type.String({ description: 'Shown only in this response: `hi_…`' }),
  },
  { $id: 'InvitationResponse' },
);
export type InvitationResponse = Static<typeof InvitationResponse>;

export const InvitationsResponse = Type.Object(
  { invitations: Type.Array(ref(InvitationView)) },
  { $id: 'InvitationsResponse' },
);
export type InvitationsResponse = Static<typeof InvitationsResponse>;

export const AccountView = Type.Object(
  { id: Id, name: Type.String(), role: Role, createdAt: Time, disabledAt: nullable(Time) },
  { $id: 'Account' },
);
export type AccountView = Static<typeof AccountView>;

export const AccountRequest = Type.Object(
  {
    role: Type.Optional(Role),
    disabled: Type.Optional(Type.Boolean()),
    password: Type.Optional(NewPassword),
  },
  {
    $id: 'AccountRequest',
    additionalProperties: false,
    minProperties: 1,
    examples: [{ role: 'broadcaster' }, { disabled: true }],
    description: 'A new password ends all sessions of the account and deletes its access tokens',
  },
);
export type AccountRequest = Static<typeof AccountRequest>;

export const AccountResponse = Type.Object({ account: ref(AccountView) }, { $id: 'AccountResponse' });
export type AccountResponse = Static<typeof AccountResponse>;

export const AccountsResponse = Type.Object(
  { accounts: Type.Array(ref(AccountView)) },
  { $id: 'AccountsResponse' },
);
export type AccountsResponse = Static<typeof AccountsResponse>;

export const FollowResponse = Type.Object(
  { following: Type.Boolean() },
  { $id: 'FollowResponse', examples: [{ following: true }] },
);
export type FollowResponse = Static<typeof FollowResponse>;

const MAXIMUM_USERS = 100;
export const UsersQuery = Type.Object(
  {
    name: Type.Optional(
      Type.String({ minLength: 1, maxLength: 100, description: 'Name of one account; case does not matter' }),
    ),
    ids: Type.Optional(
      Type.String({
        pattern: `^[^,]{1,200}(,[^,]{1,200}){0,${MAXIMUM_USERS - 1}}$`,
        description: `Up to ${MAXIMUM_USERS} ids, separated by commas`,
      }),
    ),
  },
  { additionalProperties: false, minProperties: 1 },
);

export const UsersResponse = Type.Object(
  { users: Type.Array(Type.Object({ id: Id, name: Type.String() })) },
  { $id: 'UsersResponse' },
);
export type UsersResponse = Static<typeof UsersResponse>;

export const AUTH_SCHEMAS = [
  UsersResponse,
  User,
  RegisterRequest,
  LoginRequest,
  SignedInResponse,
  RegisterResponse,
  MeResponse,
  PasswordRequest,
  DeleteMeRequest,
  AccountDeletionRequest,
  AccessTokenView,
  AccessTokenRequest,
  AccessTokenResponse,
  AccessTokensResponse,
  SessionView,
  SessionsResponse,
  InvitationView,
  InvitationRequest,
  InvitationResponse,
  InvitationsResponse,
  AccountView,
  AccountRequest,
  AccountResponse,
  AccountsResponse,
  FollowResponse,
];
