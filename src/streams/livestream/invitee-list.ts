import type { Sql } from '../../platform/index.js';
import type { Turns } from '../../platform/keyed-mutex.js';
import { type LivestreamGuest, LivestreamGuestTable } from './livestream-invitee-table.js';
import type { Page } from './livestream-table.js';

/** People who may be invited to a livestream. */
const MAXIMUM_GUESTS = 1_000;

/** Who is invited to private livestreams. */
export class GuestList {
  readonly #table: LivestreamGuestTable;
  readonly #turns: Turns;
  readonly #uninvited: (streamId: string) => void;

  /**
   * @param turns what changes a livestream happens one after the other.
   * @param uninvited told of livestreams to which somebody is no longer invited.
   */
  constructor(sql: Sql, turns: Turns, uninvited: (streamId: string) => void) {
    this.#table = new LivestreamGuestTable(sql);
    this.#turns = turns;
    this.#uninvited = uninvited;
  }

  async list(streamId: string, page: Page): Promise<LivestreamGuest[]> {
    return await this.#table.list(streamId, page);
  }

  async has(streamId: string, userId: string): Promise<boolean> {
    return await this.#table.has(streamId, userId);
  }

  /** The livestream must exist. @returns false when too many are invited. */
  async add(streamId: string, userId: string): Promise<boolean> {
    return await this.#turns.take(streamId, async () => {
      if (await this.#table.has(streamId, userId)) return true;
      if ((await this.#table.count(streamId)) >= MAXIMUM_GUESTS) return false;
      await this.#table.insert(streamId, userId);
      return true;
    });
  }

  /** @returns false when they were not invited. */
  async remove(streamId: string, userId: string): Promise<boolean> {
    const removed = await this.#table.delete(streamId, userId);
    if (removed) this.#uninvited(streamId);
    return removed;
  }

  /** Somebody is invited nowhere any more. */
  async forget(userId: string): Promise<void> {
    for (const streamId of await this.#table.deleteAllOf(userId)) this.#uninvited(streamId);
  }
}
