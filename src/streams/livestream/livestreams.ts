import { randomBytes } from 'node:crypto';
import { type Clock, newId, type Queries, type Sql } from '../../platform/index.js';
import { isOver } from '../admission/registry-refusals.js';
import type { BroadcastEnd } from '../broadcast/end-reason.js';
import { InviteeList } from './invitee-list.js';
import { checkLadder, type StreamLadderConfig } from './livestream-ladder.js';
import {
  type CursorPage,
  type ListPage,
  type Livestream,
  type LivestreamChanges,
  LivestreamTable,
  type NewLivestream,
} from './livestream-table.js';

/** Called when a stored livestream changed; `accessChanged`: the set of people who may watch too. Must not throw. */
export type UpdateListener = (streamId: string, accessChanged: boolean) => void;

export type LivestreamsOptions = {
  sql: Sql;
  /** Stores the stream key of a new livestream in the same transaction, so that none is without a key. */
  keepKey?: (sql: Queries, livestream: { streamId: string; hash: string }) => Promise<void>;
  /** Called when a livestream gets a recording URL. Must not throw. */
  recorded?: (recording: { streamId: string; url: string }) => void;
  clock: Clock;
};

/** Delay after the planned start during which a livestream still counts as upcoming, ms. */
const UPCOMING_GRACE_MS = 30 * 60_000;

/** Stored livestreams and their invitees. Reports every change. */
export class Livestreams {
  /** Invitees of private livestreams. */
  readonly invitees: InviteeList;
  readonly #options: LivestreamsOptions;
  readonly #table: LivestreamTable;
  readonly #updateListeners = new Set<UpdateListener>();
  readonly #testListeners = new Set<(streamId: string) => void>();

  constructor(options: LivestreamsOptions) {
    this.#options = options;
    this.#table = new LivestreamTable(options.sql);
    this.invitees = new InviteeList(options.sql, (streamId) => this.#notifyUpdate(streamId, true));
  }

  /**
   * Calls the listener when a stored livestream changed: edited, live, ended, an invitee removed, or deleted.
   *
   * @returns an unsubscribe function
   */
  onUpdate(listener: UpdateListener): () => void {
    this.#updateListeners.add(listener);
    return () => this.#updateListeners.delete(listener);
  }

  /** Calls the listener before a private test ends: what was broadcast until then is for nobody else. */
  onTestEnding(listener: (streamId: string) => void): void {
    this.#testListeners.add(listener);
  }

  /** @throws PublicError 400 `ladder_invalid` */
  async create(livestream: Omit<NewLivestream, 'id'>): Promise<Livestream> {
    if (livestream.ladder) checkLadder(livestream.ladder);
    const id = newId();
    const { keepKey, sql } = this.#options;
    if (!keepKey) return await this.#table.insert({ ...livestream, id });
    return await sql.begin(async (transaction) => {
      const created = await new LivestreamTable(transaction).insert({ ...livestream, id });
      await keepKey(transaction, { streamId: id, hash: livestream.streamKeyHash });
      return created;
    });
  }

  /** Creates a livestream to which only the key of its owner's channel admits. */
  async createForChannel(livestream: Omit<NewLivestream, 'id' | 'streamKeyHash'>): Promise<Livestream> {
    // The column is required: no key has this hash.
    const streamKeyHash = randomBytes(32).toString('hex');
    return await this.#table.insert({ ...livestream, id: newId(), streamKeyHash });
  }

  async find(streamId: string): Promise<Livestream | undefined> {
    return await this.#table.find(streamId);
  }

  /** Returns those of the given livestreams that exist, newest first. */
  async findAll(streamIds: readonly string[]): Promise<Livestream[]> {
    return await this.#table.findAll(streamIds);
  }

  /** Returns public livestreams that are live, newest first. */
  async listActive(page: ListPage): Promise<Livestream[]> {
    return await this.#table.listActive(page);
  }

  /** Returns a user's livestreams, newest first: all, or the public ones. */
  async listByUser(userId: string, page: CursorPage, which: 'all' | 'public'): Promise<Livestream[]> {
    return await this.#table.listByUser(userId, page, which);
  }

  /** Returns public livestreams that have not started, earliest first, including slightly late ones. */
  async listUpcoming(page: ListPage): Promise<Livestream[]> {
    return await this.#table.listUpcoming(new Date(this.#options.clock.now() - UPCOMING_GRACE_MS), page);
  }

  /**
   * Returns public livestreams that are live or upcoming, by words of title and tags.
   *
   * @param query see `searchQuery`
   * @param userIds owners whose livestreams are found too
   */
  async search(query: string, userIds: string[], limit: number): Promise<Livestream[]> {
    const since = new Date(this.#options.clock.now() - UPCOMING_GRACE_MS);
    return await this.#table.search(query, userIds, since, limit);
  }

  /** Returns those of the given livestreams that a user owns. */
  async ownedAmong(userId: string, streamIds: string[]): Promise<string[]> {
    return await this.#table.ownedAmong(userId, streamIds);
  }

  /** Returns a user's scheduled livestream whose planned or announced start is nearest to `now`. */
  async findNear(userId: string, now: Date, withinMs: number): Promise<string | undefined> {
    return await this.#table.findNear(userId, now, withinMs);
  }

  /** Returns the owner of a livestream and whether it has ended for good, for publisher admission. */
  async publishingStatus(streamId: string): Promise<{ userId: string | null; ended: boolean } | undefined> {
    const livestream = await this.#table.find(streamId);
    return livestream && { userId: livestream.userId, ended: isOver(livestream) };
  }

  /**
   * Sets the renditions into which a livestream is encoded, from its next broadcast on.
   *
   * @returns the updated livestream; undefined if unknown
   * @throws PublicError 400 `ladder_invalid`
   */
  async configureABR({ streamId, ladder }: StreamLadderConfig): Promise<Livestream | undefined> {
    return await this.edit(streamId, { ladder });
  }

  /**
   * @returns the updated livestream; undefined if unknown
   * @throws PublicError 400 `ladder_invalid`
   */
  async edit(streamId: string, changes: LivestreamChanges): Promise<Livestream | undefined> {
    if (changes.ladder) checkLadder(changes.ladder);
    if (changes.isTesting === false && (await this.#table.find(streamId))?.visibilityAfterTest)
      for (const listener of this.#testListeners) listener(streamId);
    const livestream = await this.#table.update(streamId, changes);
    if (livestream) {
      this.#notifyUpdate(streamId, changes.visibility !== undefined || changes.isTesting !== undefined);
      if (typeof changes.recordingUrl === 'string')
        this.#options.recorded?.({ streamId, url: changes.recordingUrl });
    }
    return livestream;
  }

  /**
   * Stores that the broadcaster announced the start, which takes it off the upcoming list. Media alone make it live.
   * Repeated calls, and calls for a live one, change nothing.
   */
  async markStarted(streamId: string): Promise<'begun' | 'over' | 'unknown'> {
    if (await this.#table.markStarted(streamId, new Date(this.#options.clock.now()))) {
      this.#notifyUpdate(streamId);
      return 'begun';
    }
    const livestream = await this.#table.find(streamId);
    if (!livestream) return 'unknown';
    return isOver(livestream) ? 'over' : 'begun';
  }

  /**
   * Stores the path of a recording on this server, unless the livestream has the URL of one elsewhere.
   *
   * @param path relative; null: none
   */
  async setRecordingPath(streamId: string, path: string | null): Promise<void> {
    if (await this.#table.setRecordingPath(streamId, path)) this.#notifyUpdate(streamId);
  }

  /** Raises the peak of concurrent viewers if `viewers` exceeds it. */
  async raisePeak(streamId: string, viewers: number): Promise<void> {
    await this.#table.raiseViewerCountPeak(streamId, viewers);
  }

  /** Stores that media of a broadcast arrive, unless the livestream is over for good. */
  async markLive(streamId: string, startedAt: Date): Promise<void> {
    await this.#table.markLive(streamId, startedAt);
    this.#notifyUpdate(streamId);
  }

  /** Stores the end. The first end for good stands; another one applies only to a live livestream. */
  async markEnded(streamId: string, endedAt: Date, reason: BroadcastEnd): Promise<void> {
    await this.#table.markEnded(streamId, endedAt, reason);
    this.#notifyUpdate(streamId);
  }

  /**
   * Ends livestreams stored as live without an open broadcast, which a crash between two statements leaves.
   *
   * @returns their ids
   */
  async endWithoutBroadcast(endedAt: Date, reason: BroadcastEnd): Promise<string[]> {
    return await this.#table.endWithoutBroadcast(endedAt, reason);
  }

  /** Deletes a livestream without a running broadcast, and its dependent rows. @returns false if unknown */
  async delete(streamId: string): Promise<boolean> {
    const deleted = await this.#table.delete(streamId);
    if (deleted) this.#notifyUpdate(streamId, true);
    return deleted;
  }

  #notifyUpdate(streamId: string, accessChanged = false): void {
    for (const listener of this.#updateListeners) listener(streamId, accessChanged);
  }
}
