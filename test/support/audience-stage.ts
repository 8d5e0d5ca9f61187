import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import type { Test } from 'tap';
import {
  ANONYMOUS,
  type Authenticate,
  type Identities,
  NO_IDENTITY,
  type Principal,
  type Role,
} from '../../src/accounts/index.js';
import { Audience, type AudienceOptions } from '../../src/audience/index.js';
import { BoundedCalls, type Clock, newId, type Sql, systemClock } from '../../src/platform/index.js';
import type { MessageData } from '../../src/realtime/index.js';
import { type StreamChange, Streams, type ViewerRequest } from '../../src/streams/index.js';
import { testDatabase } from './database.js';
import { FakeClock } from './fake-clock.js';

/** A row of `livestream_viewers`. */
export type VisitRow = {
  id: string;
  user_id: string | null;
  joined_at: Date;
  left_at: Date | null;
  protocol: string | null;
};

/** A client of the socket that notes what it is told. */
export class SocketDouble {
  readonly principal: Principal;
  readonly address = '192.0.2.1';
  readonly id = newId();
  readonly told: [string, MessageData][] = [];
  readonly rooms = new Set<string>();
  readonly #life = new AbortController();
  readonly signal = this.#life.signal;

  constructor(principal: Principal = ANONYMOUS) {
    this.principal = principal;
  }

  tell(event: string, data: MessageData): void {
    this.told.push([event, data]);
  }

  enter(room: string): void {
    this.rooms.add(room);
  }

  leave(room: string): void {
    this.rooms.delete(room);
  }

  gone(): void {
    this.#life.abort();
  }
}

export function account(userId: string, role: 'viewer' | 'broadcaster' | 'admin' = 'viewer'): Principal {
  return { kind: 'account', userId, name: userId, role, via: 'token' };
}

/** Bearer tokens here are `ROLE USER`, such as `viewer ann`. */
const authenticate: Authenticate = async ({ authorization }) => {
  const [, role, userId] = /^Bearer (viewer|broadcaster|admin) (\w+)$/.exec(authorization ?? '') ?? [];
  return userId === undefined ? ANONYMOUS : account(userId, role as 'viewer');
};

/** Accounts by what they were admitted with last; a test may change or delete them. */
export function fakeIdentities() {
  const roles = new Map<string, Role>();
  const identities: Pick<Identities, 'of' | 'current'> = {
    of(principal) {
      if (principal.kind === 'anonymous') return NO_IDENTITY;
      if (principal.kind === 'operator') return { via: 'operator', credentialId: CREDENTIAL };
      const { userId, role } = principal;
      roles.set(userId, role);
      return { via: 'token', userId, credentialId: CREDENTIAL };
    },
    async current({ via, userId = '' }) {
      if (via === 'operator') return { kind: 'operator' };
      const role = roles.get(userId);
      return role === undefined ? ANONYMOUS : account(userId, role);
    },
  };
  return { roles, identities };
}

/** The one credential of everybody. */
export const CREDENTIAL = '01890a5d-ac96-774b-bcce-b302099a8000';

/**
 * An audience on a real database and the real hall, on a clock that stands still.
 *
 * @param listen told every statement of the audience; what it throws the audience gets from the database.
 */
export async function audienceStage(
  t: Test,
  options: Partial<AudienceOptions> = {},
  listen: (statement: string) => void = () => {},
) {
  const { sql } = await testDatabase(t);
  const heard = new Proxy(sql, {
    apply(target, self, parts: Parameters<Sql>) {
      if (Array.isArray(parts[0])) listen(parts[0].join(' '));
      return Reflect.apply(target, self, parts);
    },
  });
  const clock = new FakeClock();
  const secret = randomBytes(32);
  const logged: string[] = [];
  const log = pino({ level: 'trace', base: null }, { write: (line: string) => void logged.push(line) });
  const admit = async () => ({
    admitted: false as const,
    refusal: { code: 'stream_key_unknown' as const, message: '' },
  });
  const hall = new Streams({ sql, admit, graceMs: 1_000, maxBroadcasts: 1, clock, log });
  const listeners = new Set<(change: StreamChange) => void>();
  const broadcasts: [string, string, MessageData][] = [];
  const { roles, identities } = fakeIdentities();
  let finds = 0;
  let crashed = new AbortController();
  let flush = (): Promise<void> => Promise.resolve();
  const open = async (): Promise<Audience> => {
    crashed = new AbortController();
    const { signal: dead } = crashed;
    // A process that crashed has no time any more.
    const life: Clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after: (ms, task, signal) => clock.after(ms, task, signal ? AbortSignal.any([signal, dead]) : dead),
      every: (ms, task, signal) => clock.every(ms, task, signal ? AbortSignal.any([signal, dead]) : dead),
    };
    const audience = new Audience({
      sql: heard,
      streams: {
        find: (streamId) => {
          finds++;
          return hall.find(streamId);
        },
        isGuest: (streamId, userId) => hall.isGuest(streamId, userId),
        status: (streamId) => hall.status(streamId),
        raisePeak: (streamId, viewers) => hall.raisePeak(streamId, viewers),
        onUpdate: (listener) => hall.onUpdate(listener),
        onChange: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
      authenticate,
      // The database works in real time, whatever the clock of the test does.
      calls: new BoundedCalls({ clock: systemClock, patienceMs: 10_000 }),
      identities,
      secret,
      hub: { broadcast: (room, event, data) => void broadcasts.push([room, event, data]) },
      clock: life,
      log,
      ...options,
    });
    await audience.start();
    t.teardown(() => audience.close());
    flush = () => (dead.aborted ? Promise.resolve() : audience.flush());
    return audience;
  };
  const audience = await open();
  const event = (name: string) => {
    const handler = audience.feature.events[name];
    if (!handler) throw new Error(`nobody takes ${name}`);
    return handler;
  };
  return {
    sql,
    clock,
    hall,
    audience,
    /** What accounts may do now. */
    roles,
    logged,
    /** A client joins. @returns the data of the acknowledgement. */
    join: async (client: SocketDouble, streamId: string, viewerToken?: string): Promise<MessageData> => {
      const data = { streamId, ...(viewerToken === undefined ? {} : { viewerToken }) };
      return (await event('join-livestream')(client, data))?.data ?? {};
    },
    leave: (client: SocketDouble, streamId: string) => void event('leave-livestream')(client, { streamId }),
    /** The client's connection is gone. */
    gone: (client: SocketDouble): void => {
      client.gone();
      audience.feature.left?.(client);
    },
    /** What rooms were told. */
    broadcasts,
    /** The audience that was opened last does nothing any more. */
    crash: () => crashed.abort(),
    /** Another audience on the same database, as after a restart. */
    open,
    /** How often the hall was asked for a livestream. */
    finds: () => finds,
    change: (change: Omit<StreamChange, 'broadcastId' | 'wasLive'>) => {
      for (const listener of listeners) listener({ broadcastId: newId(), wasLive: true, ...change });
    },
    /** Makes a livestream. @returns its id. */
    livestream: async (facts: Partial<Parameters<Streams['create']>[0]> = {}): Promise<string> => {
      const { id } = await hall.create({
        userId: 'owner',
        title: 'A livestream',
        description: '',
        recordingEnabled: false,
        streamKeyHash: randomBytes(32).toString('hex'),
        ...facts,
      });
      return id;
    },
    /** The rows of a livestream in the order of joining, when everything has been written. */
    rows: async (streamId: string): Promise<VisitRow[]> => {
      for (let turn = 0; turn < 3; turn++) {
        await clock.advance(1_000);
        await flush();
      }
      return await sql<VisitRow[]>`
        select id, user_id, joined_at, left_at, protocol from livestream_viewers where stream_id = ${streamId}
        order by id`;
    },
  };
}

export function knock(streamId: string, more: Partial<ViewerRequest> = {}): ViewerRequest {
  return { streamId, address: '192.0.2.1', ...more };
}
