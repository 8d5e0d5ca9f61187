import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { pino } from 'pino';
import type { Test } from 'tap';
import type { Authenticate, Principal, Role } from '../../../src/accounts/index.js';
import {
  createGuards,
  createServer,
  type LivestreamApiOptions,
  livestreamApi,
  type PublicUrls,
} from '../../../src/api/index.js';
import { BoundedCalls, PublicError, type Sql, systemClock } from '../../../src/platform/index.js';
import { type BroadcastSubscriber, type Publication, StreamRegistry } from '../../../src/streams/index.js';
import { LivestreamTable } from '../../../src/streams/livestream/livestream-table.js';
import { ThumbnailStore } from '../../../src/thumbnails/index.js';
import { FakeClock } from '../fakes/fake-clock.js';
import { testDatabase } from '../fixtures/database.js';
import { collectRoutes, type RegisteredRoute } from '../fixtures/openapi.js';

export const URLS: PublicUrls = {
  rtmpServer: () => 'rtmp://live.example.test/live',
  rtmpsServer: () => undefined,
  hls: (id) => `https://live.example.test/hls/${id}/index.m3u8`,
  watch: (id) => `https://live.example.test/watch/${id}`,
  livestream: (id) => `https://live.example.test/api/livestream/${id}/`,
};

const OPERATOR: Principal = { kind: 'operator' };

function account(userId: string, role: Role): Principal {
  return { kind: 'account', userId, name: userId, role, via: 'token' };
}

/** The people of the tests: Anna and Boris broadcast, Vera watches, Ada is an administrator. */
const PRINCIPALS = {
  operator: OPERATOR,
  anna: account('anna', 'broadcaster'),
  boris: account('boris', 'broadcaster'),
  vera: account('vera', 'viewer'),
  ada: account('ada', 'admin'),
} satisfies Record<string, Principal>;

export type PersonName = keyof typeof PRINCIPALS;

/** Headers that say who asks. */
export function as(name: PersonName): { authorization: string } {
  return { authorization: `Bearer ${name}` };
}

/** Takes the names of the people above as their tokens. */
export const authenticateByName: Authenticate = async ({ authorization }) => {
  if (authorization === undefined) return { kind: 'anonymous' };
  const name = authorization.replace(/^Bearer /, '');
  if (Object.hasOwn(PRINCIPALS, name)) return PRINCIPALS[name as PersonName];
  throw new PublicError(401, 'access_token_invalid', 'This token is not known.');
};

export type LivestreamApi = {
  app: FastifyInstance;
  /** Filled while the server gets ready. */
  routes: RegisteredRoute[];
  sql: Sql;
  streams: StreamRegistry;
  table: LivestreamTable;
  clock: FakeClock;
  logged: string[];
  /** Where thumbnails are kept. */
  folder: string;
  /** How often the database was asked for a livestream or the active ones. */
  reads(): number;
  /** @returns the id of a new livestream. */
  create(body?: object, name?: PersonName): Promise<string>;
  /** Somebody publishes, and it can be watched at once; what they are told at the end is put into the array. */
  publish(streamId: string): Promise<{ kicks: string[]; publication: Publication }>;
};

const eager: BroadcastSubscriber = {
  name: 'eager',
  subscribe: (broadcast) => ({
    publicationStarted: () => broadcast.playable(),
    broadcastEnded: async () => {},
  }),
};

/** `/api/livestream` on a hall with a database, without a gateway around it. */
export async function openLivestreamApi(
  t: Test,
  over: Partial<Omit<LivestreamApiOptions, 'urls'>> & { urls?: Partial<PublicUrls> } = {},
): Promise<LivestreamApi> {
  const { sql } = await testDatabase(t);
  const clock = new FakeClock();
  const logged: string[] = [];
  const log = pino({ level: 'trace', base: null }, { write: (line: string) => void logged.push(line) });
  const folder = await mkdtemp(path.join(os.tmpdir(), 'headend-api-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  // Publishers show the id of the stream that they publish to.
  const streams = new StreamRegistry({
    sql,
    admit: async ({ streamKey = '' }) => ({ admitted: true, streamId: streamKey, keyId: streamKey }),
    graceMs: 60_000,
    maxBroadcasts: 10,
    clock,
    log,
  });
  streams.subscribe(eager);
  await streams.start();
  t.teardown(() => streams.close());
  let reads = 0;
  const find = streams.find.bind(streams);
  streams.find = async (streamId) => {
    reads++;
    return await find(streamId);
  };
  const listActive = streams.listActive.bind(streams);
  streams.listActive = async (page) => {
    reads++;
    return await listActive(page);
  };
  const app = createServer({ log, clock, trustProxy: false, version: '1.2.3' });
  const routes = collectRoutes(app);
  app.register(livestreamApi, {
    // The database works in real time, whatever the clock of the test does.
    calls: new BoundedCalls({ clock: systemClock, timeoutMs: 10_000 }),
    streams,
    guards: createGuards({ authenticate: authenticateByName }),
    viewers: () => ({ total: 0, byProtocol: {} }),
    thumbnails: new ThumbnailStore({ folder: path.join(folder, 'thumbnails') }),
    clock,
    ...over,
    urls: { ...URLS, ...over.urls },
  });
  t.teardown(() => app.close());
  return {
    app,
    routes,
    sql,
    streams,
    table: new LivestreamTable(sql),
    clock,
    logged,
    folder,
    reads: () => reads,
    async create(body = {}, name = 'anna') {
      const payload = { title: 'A stream', ...body };
      const answer = await app.inject({
        method: 'POST',
        url: '/api/livestream/create',
        payload,
        headers: as(name),
      });
      if (answer.statusCode !== 201) throw new Error(answer.body);
      return answer.json<{ streamId: string }>().streamId;
    },
    async publish(streamId) {
      const kicks: string[] = [];
      const publication = await publishTo(streams, streamId, kicks);
      return { kicks, publication };
    },
  };
}

async function publishTo(streams: StreamRegistry, streamKey: string, kicks: string[]): Promise<Publication> {
  const result = await streams.publish({
    protocol: 'rtmp',
    streamKey,
    address: '192.0.2.1',
    pause: () => {},
    resume: () => {},
    kick: (reason) => void kicks.push(reason),
  });
  if ('refusal' in result) throw new Error(result.refusal.code);
  return result.publication;
}

/** The answer is an error in the one form that all have. */
export function failed(
  t: Test,
  answer: LightMyRequestResponse,
  status: number,
  code: string,
  message?: RegExp,
): void {
  t.equal(answer.statusCode, status, answer.body);
  t.match(answer.json(), { error: { code, message: message ?? String } });
  t.match(answer.headers['content-type'], 'application/json');
}
