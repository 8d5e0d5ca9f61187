import type { ApiRoutes, MeResponse } from '../../api/contract.js';
import { type ApiRequest, type ApiRoute, callApi } from '../api/api-client.js';
import { noteSignInEnd } from '../api/sign-in-end.js';
import { tellOtherTabs } from './other-tabs.js';

export type CurrentUser = Pick<MeResponse, 'user' | 'csrfToken' | 'registration'>;

/** Returns the user of this browser's session, and the CSRF token for its requests. */
export async function fetchCurrentUser(): Promise<CurrentUser> {
  return await call('GET /api/auth/me', {});
}

/** False after it was told that the sign-in has ended. */
let wasSignedIn = true;

/** Asks the server whether this browser is still signed in. When that ends, pages offer once to sign in again. */
export async function isStillSignedIn(): Promise<boolean> {
  const result = await callApi('GET /api/auth/me', {});
  if (result.kind !== 'ok') return false;
  const isSignedIn = result.value.user !== null;
  if (wasSignedIn && !isSignedIn) noteSignInEnd('not_signed_in', false);
  wasSignedIn = isSignedIn;
  return isSignedIn;
}

/** Signs in with a session cookie. @throws Error with a message for the user */
export async function signIn(name: string, password: string): Promise<void> {
  await call('POST /api/auth/login', { body: { name, password } });
  tellOtherTabs();
}

/** Creates an account and signs in to it. @throws Error with a message for the user */
export async function register(name: string, password: string, invitation: string): Promise<void> {
  const body = { name, password, ...(invitation === '' ? {} : { invitation }) };
  await call('POST /api/auth/register', { body });
  tellOtherTabs();
}

export async function signOut({ csrfToken }: CurrentUser): Promise<void> {
  await call('POST /api/auth/logout', { csrfToken });
  tellOtherTabs();
}

/** Deletes a chat message; needs moderator rights. @throws Error with a message for the user */
export async function deleteMessage(
  { csrfToken }: CurrentUser,
  streamId: string,
  messageId: string,
): Promise<void> {
  const params = { streamId, messageId };
  await call('DELETE /api/livestream/:streamId/chat/:messageId', { params, csrfToken });
}

/**
 * Bans a user from a chat; needs moderator rights. @throws Error with a message for the user
 *
 * @param seconds undefined: for good
 */
export async function banFromChat(
  { csrfToken }: CurrentUser,
  streamId: string,
  userId: string,
  seconds: number | undefined,
): Promise<void> {
  const body = { userId, ...(seconds === undefined ? {} : { seconds }) };
  await call('POST /api/livestream/:streamId/chat/bans', { params: { streamId }, body, csrfToken });
}

async function call<Route extends ApiRoute>(
  route: Route,
  request: ApiRequest<Route>,
): Promise<ApiRoutes[Route]['response']> {
  const result = await callApi(route, request);
  if (result.kind === 'failed') throw new Error(result.message);
  return result.value;
}
