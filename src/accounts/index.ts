export * from './authentication.js';
export type { AccessToken } from './credentials/access-token-table.js';
export * from './credentials/operator-token.js';
export { csrfTokenOf, sessionCookie, sessionSecretIn } from './credentials/session-cookie.js';
export type { SessionOwner } from './credentials/session-table.js';
export { SESSION_LIFETIME_MS } from './credentials/sessions.js';
export type { SignedIn } from './credentials/sign-in.js';
export * from './identity/access-change.js';
export type { AccountDataHolder, DeletedAccount } from './identity/account-deletion.js';
export type { Account } from './identity/account-table.js';
export { EXPORT_RENEWAL_MS, type ExportClaim } from './identity/export-claims.js';
export * from './identity/identities.js';
export * from './identity/principal.js';
export * from './identity/watch-permission.js';
export type { Channel } from './keys/channel-table.js';
export * from './keys/channels.js';
export * from './keys/key-admission.js';
export type { PublisherSignIn, StreamKeyUse } from './keys/publish-attempt-table.js';
export * from './keys/publisher-rights.js';
export * from './keys/stream-key.js';
export type {
  StreamKey,
  StreamKeyOwner,
  StreamKeyProtocol,
  StreamKeyScope,
} from './keys/stream-key-table.js';
export * from './keys/stream-keys.js';
export type { Invitation } from './registration/invitation-table.js';
