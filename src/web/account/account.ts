import type { ErrorResponse, MeResponse } from '../../api/contract.js';

export type CurrentUser = Pick<MeResponse, 'user' | 'csrfToken' | 'registration'>;

/** Returns the user of this browser's session, and the CSRF token for its requests. */
export async function fetchCurrentUser(): Promise<CurrentUser> {
  return (await (await request('/api/auth/me')).json()) as CurrentUser;
}

/** Signs in with a session cookie. @throws Error with a message for the user */
export async function signIn(name: string, password: string): Promise<void> {
  await request('/api/auth/login', { name, password });
}

/** Creates an account and signs in to it. @throws Error with a message for the user */
export async function register(name: string, password: string, invitation: string): Promise<void> {
  await request('/api/auth/register', { name, password, ...(invitation === '' ? {} : { invitation }) });
}

export async function signOut(currentUser: CurrentUser): Promise<void> {
  await request('/api/auth/logout', {}, currentUser);
}

/** Deletes a chat message; needs moderator rights. @throws Error with a message for the user */
export async function deleteMessage(
  currentUser: CurrentUser,
  streamId: string,
  messageId: string,
): Promise<void> {
  await request(
    `/api/livestream/${encodeURIComponent(streamId)}/chat/${messageId}`,
    undefined,
    currentUser,
    'DELETE',
  );
}

/** Bans a user from a chat for `seconds`; needs moderator rights. @throws Error with a message for the user */
export async function muteUser(
  currentUser: CurrentUser,
  streamId: string,
  userId: string,
  seconds: number,
): Promise<void> {
  await request(
    `/api/livestream/${encodeURIComponent(streamId)}/chat/bans`,
    { userId, seconds },
    currentUser,
  );
}

async function request(
  path: string,
  body?: object,
  currentUser?: CurrentUser,
  method?: string,
): Promise<Response> {
  const response = await fetch(path, {
    method: method ?? (body ? 'POST' : 'GET'),
    headers: {
      ...(body ? { 'content-type': 'application/json' } : {}),
      ...(currentUser?.csrfToken ? { 'x-csrf-token': currentUser.csrfToken } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  if (response.ok) return response;
  const answer = (await response.json().catch(() => undefined)) as ErrorResponse | undefined;
  throw new Error(answer?.error.message ?? 'The server does not answer. Try again.');
}
