import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import type { Test } from 'tap';
import type { AuthenticationOptions } from '../../src/accounts/index.js';
import { authRoutes, createGuards, createServer, followRoutes } from '../../src/api/index.js';
import { type AccountsStage, openAccounts, PASSWORD, PUBLIC_ORIGIN } from './accounts-stage.js';
import { recordLog } from './log-record.js';
import { collectRoutes, type RegisteredRoute } from './openapi.js';

/** Accounts behind their routes. */
export type Desk = AccountsStage & {
  app: FastifyInstance;
  ask(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    url: string,
    more?: InjectOptions,
  ): Promise<LightMyRequestResponse>;
  routes: RegisteredRoute[];
  requests(): string;
};

export async function openDesk(
  t: Test,
  over: Partial<AuthenticationOptions> = {},
  publicOrigin = PUBLIC_ORIGIN,
): Promise<Desk> {
  const stage = await openAccounts(t, { publicOrigin: () => publicOrigin, ...over });
  const { authentication, clock } = stage;
  const { log, lines } = recordLog();
  const app = createServer({ log, clock, trustProxy: true, version: '1.2.3' });
  const routes = collectRoutes(app);
  const guards = createGuards({ authenticate: authentication.authenticate });
  app.register(authRoutes, { authentication, guards, clock, publicOrigin: () => publicOrigin });
  app.register(followRoutes, { follows: authentication.follows, guards, clock });
  t.teardown(() => app.close());
  const ask: Desk['ask'] = (method, url, more) => app.inject({ method, url, ...more });
  return { ...stage, app, ask, routes, requests: () => JSON.stringify(lines()) };
}

/** An answer is this error. */
export function failed(t: Test, answer: LightMyRequestResponse, status: number, code: string): void {
  t.equal(answer.statusCode, status, answer.body);
  t.match(answer.json(), { error: { code, message: String } });
}

/** What a browser sends after an answer that signed it in. */
export function pageOf(answer: LightMyRequestResponse) {
  const cookie = String(answer.headers['set-cookie']).split(';')[0] ?? '';
  return { cookie, origin: PUBLIC_ORIGIN, 'x-csrf-token': String(answer.json().csrfToken) };
}

export const ada = { name: 'Ada', password: PASSWORD };
