import type { FastifyRequest } from 'fastify';
import {
  type IsInvitee,
  isAdmin,
  mayEverybodyWatch,
  mayManage,
  mayWatch,
  type Principal,
  requireWatchable,
  userIdOf,
  type Watchable,
} from '../../accounts/index.js';
import { BoundedCalls, type Clock, PublicError, RevalidatingCache } from '../../platform/index.js';
import type { Livestream, Livestreams, StreamRegistry } from '../../streams/index.js';
import type { ThumbnailStore } from '../../thumbnails/index.js';
import type { Stream, Viewers } from '../contract.js';
import { type PublicUrls, toStream } from './stream-view.js';

/** Cache lifetime in ms; changes made by this process invalidate the entry. */
const CACHE_TTL_MS = 1_000;
/**
 * Maximum age in ms of a cached livestream that is broadcasting and not private while the database does not answer.
 */
const MAXIMUM_STALE_MS = 12 * 3_600_000;
/** Cached lookups, including ids that do not exist. */
const MAXIMUM_CACHED = 2_000;
/** Names of accounts do not change. */
const NAME_TTL_MS = 60_000;
const MAXIMUM_NAMES = 5_000;

/** Stored livestreams, as the API uses them. */
export type ApiLivestreams = Pick<
  Livestreams,
  | 'create'
  | 'edit'
  | 'find'
  | 'invitees'
  | 'listActive'
  | 'listByUser'
  | 'listUpcoming'
  | 'markStarted'
  | 'onUpdate'
>;

/** Broadcasts, as the API uses them. */
export type ApiStreams = Pick<StreamRegistry, 'endLivestream' | 'kick' | 'onChange' | 'remove' | 'status'>;

export type LivestreamLookupOptions = {
  livestreams: Pick<ApiLivestreams, 'find' | 'invitees' | 'onUpdate'>;
  streams: Pick<ApiStreams, 'status'>;
  /** Current viewers, from memory. */
  viewers(streamId: string): Viewers;
  /** Thumbnails of broadcasts, from memory. */
  thumbnails: Pick<ThumbnailStore, 'captured'>;
  /** Finds the account of an owner. */
  findAccount(userId: string): Promise<{ name: string } | undefined>;
  /** Principal of a guarded request. */
  principal(request: FastifyRequest): Principal;
  /** @throws PublicError 503 when the database could not identify the principal */
  mustBeKnown(request: FastifyRequest): void;
  /** Bounds the time of database queries for viewers. */
  calls?: BoundedCalls | undefined;
  urls: PublicUrls;
  clock: Clock;
};

/** Finds livestreams for principals who may watch or manage them, and converts them for responses. */
export class LivestreamLookup {
  readonly #options: LivestreamLookupOptions;
  readonly #known: RevalidatingCache<Livestream | undefined>;
  readonly #names: RevalidatingCache<string | null>;
  readonly #isInvitee: IsInvitee;
  readonly #stopListening: () => void;

  constructor(options: LivestreamLookupOptions) {
    const { livestreams, streams, clock, calls = new BoundedCalls({ clock }) } = options;
    this.#options = options;
    this.#isInvitee = (streamId, userId) => calls.run(() => livestreams.invitees.has(streamId, userId));
    const isBroadcasting = (streamId: string): boolean => streams.status(streamId).state.name !== 'offline';
    this.#known = new RevalidatingCache({
      load: (streamId) => livestreams.find(streamId),
      mayServeStale: (streamId, livestream) =>
        livestream !== undefined && mayEverybodyWatch(livestream) && isBroadcasting(streamId),
      freshMs: CACHE_TTL_MS,
      maxStaleMs: MAXIMUM_STALE_MS,
      maxEntries: MAXIMUM_CACHED,
      calls,
      clock,
    });
    this.#names = new RevalidatingCache({
      load: async (userId) => (await options.findAccount(userId))?.name ?? null,
      mayServeStale: () => true,
      freshMs: NAME_TTL_MS,
      maxStaleMs: MAXIMUM_STALE_MS,
      maxEntries: MAXIMUM_NAMES,
      calls,
      clock,
    });
    this.#stopListening = livestreams.onUpdate((streamId) => {
      this.#known.forget(streamId);
      // Fills the cache at the start of a broadcast, so that it is known when the database hangs.
      if (isBroadcasting(streamId))
        this.#known.get(streamId).then(
          (found) => found && this.show(found),
          () => {},
        );
    });
  }

  /**
   * Finds a livestream for a principal who may watch it. May be as old as the cache lifetime, and older while the
   * database does not answer.
   *
   * @throws PublicError 404 `stream_not_found`, also where it must not be known; 503 `temporarily_unavailable`
   */
  async findWatchable(request: FastifyRequest, streamId: string): Promise<Livestream> {
    // PostgreSQL compares UUIDs regardless of case.
    const id = streamId.toLowerCase();
    const livestream = await this.#known.get(id);
    if (livestream && !mayEverybodyWatch(livestream)) this.#options.mustBeKnown(request);
    return await requireWatchable(this.#options.principal(request), livestream, this.#isInvitee);
  }

  /**
   * Finds a livestream for a principal who may manage it, as stored.
   *
   * @throws PublicError 404 `stream_not_found`, also where it must not be known; 403 `not_allowed`
   */
  async findManageable(request: FastifyRequest, streamId: string): Promise<Livestream> {
    const principal = this.#options.principal(request);
    const found = await this.#options.livestreams.find(streamId);
    const livestream = await requireWatchable(principal, found, this.#isInvitee);
    if (mayManage(principal, livestream)) return livestream;
    throw new PublicError(403, 'not_allowed', 'This livestream belongs to another user.');
  }

  /**
   * Returns what a principal may do with a recording, by the rules of livestreams; undefined: it must not be known.
   *
   * @param watchable `id` and `userId` of its livestream, and the visibility of the recording
   */
  async rightTo(request: FastifyRequest, watchable: Watchable): Promise<'manage' | 'watch' | undefined> {
    const { principal, mustBeKnown } = this.#options;
    if (!mayEverybodyWatch(watchable)) mustBeKnown(request);
    if (mayManage(principal(request), watchable)) return 'manage';
    return (await mayWatch(principal(request), watchable, this.#isInvitee)) ? 'watch' : undefined;
  }

  /** Whether private and unlisted livestreams of a user may be listed too. */
  mayListAll(request: FastifyRequest, userId: string): boolean {
    const principal = this.#options.principal(request);
    return isAdmin(principal) || userIdOf(principal) === userId;
  }

  /** Converts a livestream for responses; without the name of its owner while the database does not tell it. */
  async show(livestream: Livestream): Promise<Stream> {
    const { streams, viewers, thumbnails, urls } = this.#options;
    const { id, userId, visibility } = livestream;
    const userName = userId === null ? null : await this.#names.get(userId).catch(() => null);
    const facts = {
      userName,
      status: streams.status(id),
      viewers: viewers(id),
      captured: thumbnails.captured(id, visibility),
    };
    return toStream(livestream, facts, urls);
  }

  close(): void {
    this.#stopListening();
  }
}
