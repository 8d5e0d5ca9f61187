import { type GatewayProcess, OPERATOR_TOKEN } from '../gateway/gateway-process.js';

export type PageAnswer = { status: number; body: Record<string, unknown> };

/** Account signed in like a page of the gateway: by cookie and CSRF token. */
export class PageSession {
  readonly userId: string;
  readonly name: string;
  /** Headers of the browser's requests and sockets. */
  readonly headers: { cookie: string; origin: string };
  readonly #gateway: GatewayProcess;
  readonly #csrfToken: string;

  constructor(
    gateway: GatewayProcess,
    user: { id: string; name: string },
    session: { cookie: string; csrfToken: string },
  ) {
    this.#gateway = gateway;
    this.userId = user.id;
    this.name = user.name;
    this.headers = { cookie: session.cookie, origin: gateway.http };
    this.#csrfToken = session.csrfToken;
  }

  async request(method: string, path: string, body?: object): Promise<PageAnswer> {
    const headers = { ...this.headers, 'x-csrf-token': this.#csrfToken };
    return await request(this.#gateway, method, path, headers, body);
  }
}

export const PASSWORD = 'correct horse battery';

/** Creates an account as the operator and signs in to it. */
export async function signInPage(
  gateway: GatewayProcess,
  name: string,
  role: 'viewer' | 'broadcaster' | 'admin' = 'viewer',
): Promise<PageSession> {
  const operator = { authorization: `Bearer ${OPERATOR_TOKEN}` };
  const account = { name, password: PASSWORD, role };
  const made = await request(gateway, 'POST', '/api/auth/register', operator, account);
  if (made.status !== 201) throw new Error(`register: ${made.status} ${JSON.stringify(made.body)}`);
  const login = await fetch(`${gateway.http}/api/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, password: PASSWORD }),
  });
  if (!login.ok) throw new Error(`login: ${login.status}`);
  const { user, csrfToken } = (await login.json()) as {
    user: { id: string; name: string };
    csrfToken: string;
  };
  const cookie = login.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  return new PageSession(gateway, user, { cookie, csrfToken });
}

async function request(
  gateway: GatewayProcess,
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: object,
): Promise<PageAnswer> {
  const answer = await fetch(gateway.http + path, {
    method,
    headers: { ...headers, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}
