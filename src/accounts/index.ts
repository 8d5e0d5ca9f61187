export type { AccessToken } from './access-token-table.js';
export type { Account } from './account-table.js';
export * from './admission.js';
export * from './authentication.js';
export type { Channel } from './channel-table.js';
export * from './channels.js';
export type { Invitation } from './invitation-table.js';
export * from './key-admission.js';
export * from './operator-token.js';
export * from './principal.js';
export { csrfTokenOf, SESSION_COOKIE, sessionCookie, sessionSecretIn } from './session-cookie.js';
export type { SessionOwner } from './session-table.js';
export { SESSION_LIFETIME_MS } from './sessions.js';
export type { SignedIn } from './sign-in.js';
export * from './stream-key.js';
export {
  STREAM_KEY_PROTOCOLS,
  type StreamKey,
  type StreamKeyOwner,
  type StreamKeyProtocol,
  type StreamKeyScope,
} from './stream-key-table.js';
export type { StreamKeyUse } from './stream-key-use-table.js';
export * from './stream-keys.js';
