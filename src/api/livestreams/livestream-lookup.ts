import type { FastifyRequest } from 'fastify';
import { isAdmin, mayManage, mayWatch, type Principal, userIdOf } from '../../accounts/index.js';
import { BoundedCalls, type Clock, PublicError, RevalidatingCache } from '../../platform/index.js';
import type { Livestream, StreamChange, StreamRegistry } from '../../streams/index.js';
import type { ThumbnailStore } from '../../thumbnails/index.js';
import type { Stream, Viewers } from '../contract.js';
import { type PublicUrls, toStream } from './stream-view.js';

/** How long a livestream that was read may be shown again, in ms; every change of it that is made here shows at once. */
const FRESH_MS = 1_000;
/** How old a livestream that is being broadcast, and not private, may be shown while the database does not answer, in ms. */
const MAX_STALE_MS = 12 * 3_600_000;
/** Livestreams remembered at most, also ones that do not exist. */
const REMEMBERED = 2_000;

/** What the API needs of the hall. */
export type Livestreams = Pick<
  StreamRegistry,
  | 'addInvitee'
  | 'markStarted'
  | 'create'
  | 'edit'
  | 'end'
  | 'find'
  | 'isInvitee'
  | 'kick'
  | 'listActive'
  | 'listByUser'
  | 'listInvitees'
  | 'listUpcoming'
  | 'onUpdate'
  | 'remove'
  | 'removeInvitee'
  | 'status'
> & { onChange(listener: (change: StreamChange) => void): () => void };

export type LivestreamLookupOptions = {
  streams: Livestreams;
  /** Who watches a stream now; from memory. */
  viewers(streamId: string): Viewers;
  /** Pictures of broadcasts; from memory. */
  thumbnails: Pick<ThumbnailStore, 'captured'>;
  /** Who asks, behind a guard. */
  principal(request: FastifyRequest): Principal;
  /** @throws PublicError 503 where the database did not say who asks */
  mustBeKnown(request: FastifyRequest): void;
  /** Bounds the time in which the database must answer viewers. */
  calls?: BoundedCalls | undefined;
  urls: PublicUrls;
  clock: Clock;
};

/** What all routes of livestreams do: find one for somebody who may have it, and show it. */
export class LivestreamLookup {
  readonly #options: LivestreamLookupOptions;
  readonly #known: RevalidatingCache<Livestream | undefined>;
  readonly #calls: BoundedCalls;
  readonly #stopListening: () => void;

  constructor(options: LivestreamLookupOptions) {
    const { streams, clock, calls = new BoundedCalls({ clock }) } = options;
    this.#options = options;
    this.#calls = calls;
    const isBroadcasting = (streamId: string): boolean => streams.status(streamId).state.name !== 'offline';
    this.#known = new RevalidatingCache({
      load: (streamId) => streams.find(streamId),
      mayServeStale: (streamId, livestream) =>
        livestream !== undefined && livestream.visibility !== 'private' && isBroadcasting(streamId),
      freshMs: FRESH_MS,
      maxStaleMs: MAX_STALE_MS,
      maxEntries: REMEMBERED,
      calls,
      clock,
    });
    this.#stopListening = streams.onUpdate((streamId) => {
      this.#known.forget(streamId);
      // Before anybody asks, so that it is known when the database hangs.
      if (isBroadcasting(streamId)) this.#known.get(streamId).catch(() => {});
    });
  }

  /**
   * A livestream for who may watch it. May be a moment old where another process changed it, and older while the database
   * does not answer.
   *
   * @throws PublicError 404 `stream_not_found`, also where it must not be known; 503 `temporarily_unavailable`
   */
  async watched(request: FastifyRequest, streamId: string): Promise<Livestream> {
    // Ids are compared as PostgreSQL does: whatever the case of their letters.
    const id = streamId.toLowerCase();
    const livestream = await this.#known.get(id);
    if (livestream && (await this.#mayWatch(request, livestream))) return livestream;
    if (livestream) this.#options.mustBeKnown(request);
    throw streamNotFound();
  }

  /**
   * A livestream for who may change it, as it is stored now.
   *
   * @throws PublicError 404 `stream_not_found`, also where it must not be known; 403 `not_allowed`
   */
  async managed(request: FastifyRequest, streamId: string): Promise<Livestream> {
    const livestream = await this.#options.streams.find(streamId);
    if (!livestream) throw streamNotFound();
    if (mayManage(this.#options.principal(request), livestream)) return livestream;
    if (!(await this.#mayWatch(request, livestream))) throw streamNotFound();
    throw new PublicError(403, 'not_allowed', 'This livestream belongs to somebody else.');
  }

  /** Whether all livestreams of a user may be shown, not the public ones alone. */
  mayListAll(request: FastifyRequest, userId: string): boolean {
    const principal = this.#options.principal(request);
    return isAdmin(principal) || userIdOf(principal) === userId;
  }

  show(livestream: Livestream): Stream {
    const { streams, viewers, thumbnails, urls } = this.#options;
    const { id } = livestream;
    return toStream(livestream, streams.status(id), viewers(id), thumbnails.captured(id), urls);
  }

  close(): void {
    this.#stopListening();
  }

  async #mayWatch(request: FastifyRequest, livestream: Livestream): Promise<boolean> {
    const principal = this.#options.principal(request);
    if (mayWatch(principal, livestream, false)) return true;
    const userId = userIdOf(principal);
    if (userId === undefined) return false;
    return await this.#calls.run(() => this.#options.streams.isInvitee(livestream.id, userId));
  }
}

export function streamNotFound(): PublicError {
  return new PublicError(404, 'stream_not_found', 'There is no such livestream.');
}
