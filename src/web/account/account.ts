import type { ApiRoutes, MeResponse } from '../../api/contract.js';
import { type ApiRequest, type ApiRoute, callApi } from '../api/api-client.js';

export type CurrentUser = Pick<MeResponse, 'user' | 'csrfToken' | 'registration'>;

/** Returns the user of this browser's session, and the CSRF token for its requests. */
export async function fetchCurrentUser(): Promise<CurrentUser> {
  return await call('GET /api/auth/me', {});
}

/** Signs in with a session cookie. @throws Error with a message for the user */
export async function signIn(name: string, password: string): Promise<void> {
  await call('POST /api/auth/login', { body: { name, password } });
}

/** Creates an account and signs in to it. @throws Error with a message for the user */
export async function register(name: string, password: string, invitation: string): Promise<void> {
  const body = { name, password, ...(invitation === '' ? {} : { invitation }) };
  await call('POST /api/auth/register', { body });
}

export async function signOut({ csrfToken }: CurrentUser): Promise<void> {
  await call('POST /api/auth/logout', { csrfToken });
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
