import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { PASSWORD } from '../../support/fixtures/accounts-fixture.js';
import {
  type GatewayProcess,
  OPERATOR_TOKEN,
  startGatewayProcess,
} from '../../support/gateway/gateway-process.js';
import {
  type Access,
  CLIENT_KINDS,
  type ClientKind,
  type Resources,
  ROUTE_ACCESS,
} from '../../support/gateway/route-access.js';

type Headers = Record<string, string>;
type Answer = { status: number; code: string | undefined; body: Record<string, unknown>; text: string };
type Open = Exclude<Access, { skip: string }>;
type Route = { name: string; method: string; path: string; access: Open };

const OPERATOR = { authorization: `Bearer ${OPERATOR_TOKEN}` };
const ROLES = {
  viewer: 'viewer',
  moderator: 'viewer',
  broadcaster: 'broadcaster',
  owner: 'broadcaster',
  admin: 'admin',
};

/** Gateway with a signed-in account for each kind of client, and resources created on demand. */
class AccessFixture {
  readonly gateway: GatewayProcess;
  readonly ids: Partial<Record<ClientKind, string>> = {};
  readonly #pages: Partial<Record<ClientKind, Headers>> = {};
  #count = 0;
  /** Requests that change something, by the headers of their client. */
  readonly #requests = new Map<Headers, number>();

  constructor(gateway: GatewayProcess) {
    this.gateway = gateway;
  }

  async createAccounts(): Promise<void> {
    for (const [client, role] of Object.entries(ROLES)) {
      const body = { name: `The ${client}`, password: PASSWORD, role };
      const made = await this.request('POST', '/api/auth/register', OPERATOR, body);
      this.ids[client as ClientKind] = (made.body.user as { id: string }).id;
      await this.signIn(client as ClientKind);
    }
  }

  async signIn(client: ClientKind): Promise<void> {
    if (!Object.hasOwn(ROLES, client)) return;
    const answer = await fetch(`${this.gateway.http}/api/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-forwarded-for': this.#address() },
      body: JSON.stringify({ name: `The ${client}`, password: PASSWORD }),
    });
    const { csrfToken } = (await answer.json()) as { csrfToken: string };
    const cookie = answer.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    this.#pages[client] = { cookie, 'x-csrf-token': csrfToken, origin: this.gateway.http };
  }

  headers(client: ClientKind): Headers {
    if (client === 'operator') return OPERATOR;
    return this.#pages[client] ?? {};
  }

  /** Sends each request from another address, so that limits of addresses do not apply. */
  async request(method: string, path: string, headers: Headers, body?: object): Promise<Answer> {
    if (method !== 'GET') this.#requests.set(headers, (this.#requests.get(headers) ?? 0) + 1);
    const raw = body && 'bytes' in body ? (body as { type: string; bytes: Buffer<ArrayBuffer> }) : undefined;
    const answer = await fetch(this.gateway.http + path, {
      method,
      headers: {
        ...headers,
        'x-forwarded-for': this.#address(),
        ...(body ? { 'content-type': raw?.type ?? 'application/json' } : {}),
      },
      ...(body ? { body: raw?.bytes ?? JSON.stringify(body) } : {}),
      redirect: 'manual',
    });
    const text = await answer.text();
    const json = answer.headers.get('content-type')?.includes('json') ? JSON.parse(text) : {};
    return { status: answer.status, code: json.error?.code, body: json, text };
  }

  /** Creates the resources that a route needs. */
  async createResources(path: string, visibility = 'public'): Promise<Resources> {
    const resources: Resources = {
      streamId: '',
      pollId: randomUUID(),
      messageId: randomUUID(),
      keyId: randomUUID(),
      invitation: '',
      name: `Somebody ${++this.#count}`,
    };
    if (path.endsWith('/register')) {
      const made = await this.#create('/api/auth/invitations', {});
      resources.invitation = made.code as string;
    }
    if (!path.includes('{streamId}')) return resources;
    const made = await this.#create('/api/livestream/create', {
      title: 'A test',
      userId: this.ids.owner,
      visibility,
    });
    resources.streamId = made.streamId as string;
    const base = `/api/livestream/${resources.streamId}`;
    if (path.includes('/chat') || path.endsWith('/health')) {
      const moderator = `${base}/chat/moderators/${this.ids.moderator}`;
      const appointed = await this.#change('PUT', moderator, this.#nextManager());
      if (appointed.status !== 200) throw new Error(`moderators: ${appointed.status} ${appointed.text}`);
    }
    if (path.includes('{messageId}')) {
      const message = { message: 'Hello', userId: 'somebody', name: 'Somebody' };
      resources.messageId = (await this.#create(`${base}/chat`, message)).messageId as string;
    }
    if (path.includes('{pollId}')) {
      const poll = { question: 'Which?', options: ['this', 'that'], seconds: 600 };
      resources.pollId = (
        (await this.#create(`${base}/chat/polls`, poll, this.#nextManager())).poll as { id: string }
      ).id;
    }
    if (path.includes('{keyId}'))
      resources.keyId = ((await this.#create(`${base}/keys`, {})).key as { id: string }).id;
    return resources;
  }

  async #create(path: string, body: object, headers: Headers = OPERATOR): Promise<Record<string, unknown>> {
    const answer = await this.#change('POST', path, headers, body);
    if (answer.status !== 201) throw new Error(`${path}: ${answer.status} ${answer.text}`);
    return answer.body;
  }

  /** Repeats a request after the wait that a limit of its account asks for. */
  async #change(method: string, path: string, headers: Headers, body?: object): Promise<Answer> {
    for (;;) {
      const answer = await this.request(method, path, headers, body);
      if (answer.status !== 429) return answer;
      await sleep(1_000);
    }
  }

  /** Returns the manager of a chat with the fewest requests, as the rate of each one is limited. */
  #nextManager(): Headers {
    const managers = (['owner', 'admin', 'operator'] as const).map((client) => this.headers(client));
    const requests = (headers: Headers): number => this.#requests.get(headers) ?? 0;
    return managers.reduce((least, other) => (requests(other) < requests(least) ? other : least));
  }

  #address(): string {
    const n = ++this.#count;
    return `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
  }
}

let opened: Promise<AccessFixture> | undefined;

/** Starts the gateway that all tests of this file share. */
function openFixture(): Promise<AccessFixture> {
  opened ??= (async () => {
    const fixture = new AccessFixture(
      await startGatewayProcess(t as unknown as Test, { TRUST_PROXY: 'true' }),
    );
    await fixture.createAccounts();
    return fixture;
  })();
  return opened;
}

function addressOf(path: string, access: Open, resources: Resources): string {
  const known: Record<string, string> = { ...resources, ...access.params };
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(known[name] ?? randomUUID()));
}

function routes(): Route[] {
  return Object.entries(ROUTE_ACCESS).flatMap(([name, access]) => {
    const [method = '', path = ''] = name.split(' ');
    return 'allowed' in access ? [{ name, method, path, access }] : [];
  });
}

const changes = ({ method }: Route): boolean => method !== 'GET';

t.test('the access table has every route of the server and no other', async (t) => {
  const { gateway } = await openFixture();
  const document = (await (await fetch(`${gateway.http}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, unknown>>;
  };
  const served = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  t.same(served.sort(), Object.keys(ROUTE_ACCESS).sort());
});

for (const route of routes())
  t.test(`${route.name} is for ${route.access.allowed.join(', ')}`, async (t) => {
    const fixture = await openFixture();
    const { access, method, path } = route;
    const shared = await fixture.createResources(path);
    for (const client of CLIENT_KINDS) {
      const resources = changes(route) ? await fixture.createResources(path) : shared;
      const headers = fixture.headers(client);
      const answer = await fixture.request(
        method,
        addressOf(path, access, resources),
        headers,
        access.body?.(resources),
      );
      const outcome = `${client}: ${answer.status} ${answer.text.slice(0, 200)}`;
      if (access.allowed.includes(client)) {
        t.notOk([401, 403, 429].includes(answer.status) || answer.status >= 500, `allowed: ${outcome}`);
        t.not(answer.code, 'validation_failed', `the request of the table is valid: ${outcome}`);
        t.not(answer.code, 'not_found', outcome);
      } else t.equal(answer.status, client === 'anonymous' ? 401 : 403, `forbidden: ${outcome}`);
      if (access.signsOut) await fixture.signIn(client);
    }
  });

t.test('session requests from another site or without a CSRF token change nothing', async (t) => {
  const fixture = await openFixture();
  const { 'x-csrf-token': csrfToken = '', ...cookie } = fixture.headers('admin');
  const foreign = { ...cookie, 'x-csrf-token': csrfToken, origin: 'https://evil.example.test' };
  for (const { name, method, path, access } of routes().filter(changes)) {
    const resources = await fixture.createResources(path);
    const address = addressOf(path, access, resources);
    for (const headers of access.withoutCsrf ? [] : [cookie, foreign]) {
      const answer = await fixture.request(method, address, headers as Headers, access.body?.(resources));
      t.same([answer.status, answer.code], [403, 'csrf_failed'], name);
    }
  }
});

t.test('a private livestream is indistinguishable from an unknown one for others', async (t) => {
  const fixture = await openFixture();
  for (const { name, method, path, access } of routes().filter((route) =>
    route.path.includes('{streamId}'),
  )) {
    const resources = await fixture.createResources(path, 'private');
    const unknown = { ...resources, streamId: randomUUID() };
    for (const client of ['anonymous', 'viewer', 'broadcaster'] as const) {
      const request = (at: Resources): Promise<Answer> =>
        fixture.request(method, addressOf(path, access, at), fixture.headers(client), access.body?.(at));
      const [hidden, missing] = [await request(resources), await request(unknown)];
      t.same([hidden.status, hidden.body], [missing.status, missing.body], `${client}: ${name}`);
      const fine = access.alwaysSucceeds ? [200] : [401, 404];
      t.ok(fine.includes(hidden.status), `${client}: ${name}: ${hidden.status} ${hidden.code}`);
    }
  }
});

t.test('an invitee of a private livestream reads it and changes nothing', async (t) => {
  const fixture = await openFixture();
  for (const route of routes().filter(({ path }) => path.includes('{streamId}'))) {
    const { name, method, path, access } = route;
    const resources = await fixture.createResources(path, 'private');
    await fixture.request(
      'PUT',
      `/api/livestream/${resources.streamId}/guests/${fixture.ids.viewer}`,
      OPERATOR,
    );
    const address = addressOf(path, access, resources);
    const answer = await fixture.request(
      method,
      address,
      fixture.headers('viewer'),
      access.body?.(resources),
    );
    const outcome = `${name}: ${answer.status} ${answer.code}`;
    if (access.allowed.includes('viewer'))
      t.notOk([401, 403].includes(answer.status) || answer.code === 'stream_not_found', outcome);
    else t.equal(answer.status, 403, outcome);
  }
});
