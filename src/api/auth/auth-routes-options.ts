import type { Authentication } from '../../accounts/index.js';
import type { Clock } from '../../platform/index.js';
import type { Guards } from '../server/guards.js';

export type SignedInAccount = { id: string; name: string; role: string };

export type AuthRoutesOptions = {
  authentication: Pick<
    Authentication,
    | 'accounts'
    | 'registration'
    | 'signIn'
    | 'sessions'
    | 'accessTokens'
    | 'invitations'
    | 'accountDeletion'
    | 'isOwnOrigin'
    | 'registrationPolicy'
  >;
  guards: Guards;
  /** Called with each account that signs in. */
  onSignIn?: ((account: SignedInAccount, address: string) => void) | undefined;
  clock: Clock;
  /** Public origin of the pages; with https the cookie is `Secure`. */
  publicOrigin: () => string;
};
