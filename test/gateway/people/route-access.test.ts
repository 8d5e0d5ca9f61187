import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import { PASSWORD } from '../../support/fixtures/accounts-fixture.js';
import {
  type GatewayProcess,
  OPERATOR_TOKEN,
  startGatewayProcess,
} from '../../support/gateway/gateway-process.js';
import {
  type Access,
  PEOPLE,
  type Person,
  ROUTE_ACCESS,
  type Scene,
} from '../../support/gateway/route-access.js';

type Headers = Record<string, string>;
type Answer = { status: number; code: string | undefined; body: Record<string, unknown>; text: string };
type Open = Exclude<Access, { elsewhere: string }>;
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
class Stage {
  readonly gateway: GatewayProcess;
  readonly ids: Partial<Record<Person, string>> = {};
  readonly #pages: Partial<Record<Person, Headers>> = {};
  #count = 0;

  constructor(gateway: GatewayProcess) {
    this.gateway = gateway;
  }

  async fill(): Promise<void> {
    for (const [person, role] of Object.entries(ROLES)) {
      const body = { name: `The ${person}`, password: PASSWORD, role };
      const made = await this.ask('POST', '/api/auth/register', OPERATOR, body);
      this.ids[person as Person] = (made.body.user as { id: string }).id;
      await this.signIn(person as Person);
    }
  }

  async signIn(person: Person): Promise<void> {
    if (!Object.hasOwn(ROLES, person)) return;
    const answer = await fetch(`${this.gateway.http}/api/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-forwarded-for': this.#address() },
      body: JSON.stringify({ name: `The ${person}`, password: PASSWORD }),
    });
    const { csrfToken } = (await answer.json()) as { csrfToken: string };
    const cookie = answer.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    this.#pages[person] = { cookie, 'x-csrf-token': csrfToken, origin: this.gateway.http };
  }

  headers(person: Person): Headers {
    if (person === 'operator') return OPERATOR;
    return this.#pages[person] ?? {};
  }

  /** Sends each request from another address, so that limits of addresses do not apply. */
  async ask(method: string, path: string, headers: Headers, body?: object): Promise<Answer> {
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
  async scene(path: string, visibility = 'public'): Promise<Scene> {
    const scene: Scene = {
      streamId: '',
      pollId: randomUUID(),
      messageId: randomUUID(),
      keyId: randomUUID(),
      invitation: '',
      name: `Somebody ${++this.#count}`,
    };
    if (path.endsWith('/register')) {
      const made = await this.#make('/api/auth/invitations', {});
      scene.invitation = made.code as string;
    }
    if (!path.includes('{streamId}')) return scene;
    const made = await this.#make('/api/livestream/create', {
      title: 'A test',
      userId: this.ids.owner,
      visibility,
    });
    scene.streamId = made.streamId as string;
    const base = `/api/livestream/${scene.streamId}`;
    if (path.includes('/chat')) {
      const appointed = await this.ask('PUT', `${base}/chat/moderators/${this.ids.moderator}`, this.#boss());
      if (appointed.status !== 200) throw new Error(`moderators: ${appointed.status} ${appointed.text}`);
    }
    if (path.includes('{messageId}')) {
      const said = { message: 'Hello', userId: 'somebody', name: 'Somebody' };
      scene.messageId = (await this.#make(`${base}/chat`, said)).messageId as string;
    }
    if (path.includes('{pollId}')) {
      const poll = { question: 'Which?', options: ['this', 'that'], seconds: 600 };
      scene.pollId = ((await this.#make(`${base}/chat/polls`, poll, this.#boss())).poll as { id: string }).id;
    }
    if (path.includes('{keyId}'))
      scene.keyId = ((await this.#make(`${base}/keys`, {})).key as { id: string }).id;
    return scene;
  }

  async #make(path: string, body: object, headers: Headers = OPERATOR): Promise<Record<string, unknown>> {
    const answer = await this.ask('POST', path, headers, body);
    if (answer.status !== 201) throw new Error(`${path}: ${answer.status} ${answer.text}`);
    return answer.body;
  }

  /** Alternates between the managers of a chat, as the rate of each one is limited. */
  #boss(): Headers {
    const people = ['owner', 'admin', 'operator'] as const;
    return this.headers(people[++this.#count % people.length] ?? 'operator');
  }

  #address(): string {
    const n = ++this.#count;
    return `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
  }
}

let opened: Promise<Stage> | undefined;

/** Starts the gateway that all tests of this file share. */
function openStage(): Promise<Stage> {
  opened ??= (async () => {
    const stage = new Stage(await startGatewayProcess(t as unknown as Test, { TRUST_PROXY: 'true' }));
    await stage.fill();
    return stage;
  })();
  return opened;
}

function addressOf(path: string, access: Open, scene: Scene): string {
  const known: Record<string, string> = { ...scene, ...access.params };
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(known[name] ?? randomUUID()));
}

function routes(): Route[] {
  return Object.entries(ROUTE_ACCESS).flatMap(([name, access]) => {
    const [method = '', path = ''] = name.split(' ');
    return 'may' in access ? [{ name, method, path, access }] : [];
  });
}

const changes = ({ method }: Route): boolean => method !== 'GET';

t.test('the access table has every route of the server and no other', async (t) => {
  const { gateway } = await openStage();
  const document = (await (await fetch(`${gateway.http}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, unknown>>;
  };
  const served = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  t.same(served.sort(), Object.keys(ROUTE_ACCESS).sort());
});

for (const route of routes())
  t.test(`${route.name} is for ${route.access.may.join(', ')}`, async (t) => {
    const stage = await openStage();
    const { access, method, path } = route;
    const shared = await stage.scene(path);
    for (const person of PEOPLE) {
      const scene = changes(route) ? await stage.scene(path) : shared;
      const headers = stage.headers(person);
      const answer = await stage.ask(method, addressOf(path, access, scene), headers, access.body?.(scene));
      const told = `${person}: ${answer.status} ${answer.text.slice(0, 200)}`;
      if (access.may.includes(person)) {
        t.notOk([401, 403, 429].includes(answer.status) || answer.status >= 500, `allowed: ${told}`);
        t.not(answer.code, 'validation_failed', `the request of the table is valid: ${told}`);
        t.not(answer.code, 'not_found', told);
      } else t.equal(answer.status, person === 'anonymous' ? 401 : 403, `forbidden: ${told}`);
      if (access.signsOut) await stage.signIn(person);
    }
  });

t.test('session requests from another site or without a CSRF token change nothing', async (t) => {
  const stage = await openStage();
  const { 'x-csrf-token': csrfToken = '', ...cookie } = stage.headers('admin');
  const foreign = { ...cookie, 'x-csrf-token': csrfToken, origin: 'https://evil.example.test' };
  for (const { name, method, path, access } of routes().filter(changes)) {
    const scene = await stage.scene(path);
    const address = addressOf(path, access, scene);
    for (const headers of access.withoutCsrf ? [] : [cookie, foreign]) {
      const answer = await stage.ask(method, address, headers as Headers, access.body?.(scene));
      t.same([answer.status, answer.code], [403, 'csrf_failed'], name);
    }
  }
});

t.test('a private livestream is indistinguishable from an unknown one for others', async (t) => {
  const stage = await openStage();
  for (const { name, method, path, access } of routes().filter((route) =>
    route.path.includes('{streamId}'),
  )) {
    const scene = await stage.scene(path, 'private');
    const nothing = { ...scene, streamId: randomUUID() };
    for (const person of ['anonymous', 'viewer', 'broadcaster'] as const) {
      const ask = (at: Scene): Promise<Answer> =>
        stage.ask(method, addressOf(path, access, at), stage.headers(person), access.body?.(at));
      const [hidden, missing] = [await ask(scene), await ask(nothing)];
      t.same([hidden.status, hidden.body], [missing.status, missing.body], `${person}: ${name}`);
      const fine = access.alwaysSucceeds ? [200] : [401, 404];
      t.ok(fine.includes(hidden.status), `${person}: ${name}: ${hidden.status} ${hidden.code}`);
    }
  }
});

t.test('an invitee of a private livestream reads it and changes nothing', async (t) => {
  const stage = await openStage();
  for (const route of routes().filter(({ path }) => path.includes('{streamId}'))) {
    const { name, method, path, access } = route;
    const scene = await stage.scene(path, 'private');
    await stage.ask('PUT', `/api/livestream/${scene.streamId}/guests/${stage.ids.viewer}`, OPERATOR);
    const address = addressOf(path, access, scene);
    const answer = await stage.ask(method, address, stage.headers('viewer'), access.body?.(scene));
    const told = `${name}: ${answer.status} ${answer.code}`;
    if (access.may.includes('viewer'))
      t.notOk([401, 403].includes(answer.status) || answer.code === 'stream_not_found', told);
    else t.equal(answer.status, 403, told);
  }
});
