import type { ErrorResponse, MeResponse } from '../../api/contract.js';

export type Me = Pick<MeResponse, 'user' | 'csrfToken' | 'registration'>;

/** Asks who is signed in here. */
export async function whoAmI(): Promise<Me> {
  return (await (await asked('/api/auth/me')).json()) as Me;
}

/** @throws Error with a sentence for people */
export async function signIn(name: string, password: string): Promise<void> {
  await asked('/api/auth/login', { name, password });
}

/** Makes an account and signs in to it. @throws Error with a sentence for people */
export async function register(name: string, password: string, invitation: string): Promise<void> {
  await asked('/api/auth/register', { name, password, ...(invitation === '' ? {} : { invitation }) });
}

export async function signOut(me: Me): Promise<void> {
  await asked('/api/auth/logout', {}, me);
}

/** For moderators: takes a message back. @throws Error with a sentence for people */
export async function deleteMessage(me: Me, streamId: string, messageId: string): Promise<void> {
  await asked(`/api/livestream/${encodeURIComponent(streamId)}/chat/${messageId}`, undefined, me, 'DELETE');
}

/** For moderators: nothing more is heard of somebody for so many seconds. @throws Error with a sentence for people */
export async function silence(me: Me, streamId: string, userId: string, seconds: number): Promise<void> {
  await asked(`/api/livestream/${encodeURIComponent(streamId)}/chat/bans`, { userId, seconds }, me);
}

async function asked(path: string, body?: object, me?: Me, method?: string): Promise<Response> {
  const response = await fetch(path, {
    method: method ?? (body ? 'POST' : 'GET'),
    headers: {
      ...(body ? { 'content-type': 'application/json' } : {}),
      ...(me?.csrfToken ? { 'x-csrf-token': me.csrfToken } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  if (response.ok) return response;
  const answer = (await response.json().catch(() => undefined)) as ErrorResponse | undefined;
  throw new Error(answer?.error.message ?? 'The server does not answer. Try again.');
}
