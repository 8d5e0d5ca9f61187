import type { KeyedMutex, Sql } from '../../platform/index.js';
import { type LivestreamInvitee, LivestreamInviteeTable } from './livestream-invitee-table.js';
import type { Page } from './livestream-table.js';

/** People who may be invited to a livestream. */
const MAXIMUM_GUESTS = 1_000;

/** Who is invited to private livestreams. */
export class InviteeList {
  readonly #table: LivestreamInviteeTable;
  readonly #turns: KeyedMutex;
  readonly #uninvited: (streamId: string) => void;

  /**
   * @param turns what changes a livestream happens one after the other.
   * @param uninvited told of livestreams to which somebody is no longer invited.
   */
  constructor(sql: Sql, turns: KeyedMutex, uninvited: (streamId: string) => void) {
    this.#table = new LivestreamInviteeTable(sql);
    this.#turns = turns;
    this.#uninvited = uninvited;
  }

  async list(streamId: string, page: Page): Promise<LivestreamInvitee[]> {
    return await this.#table.list(streamId, page);
  }

  async has(streamId: string, userId: string): Promise<boolean> {
    return await this.#table.has(streamId, userId);
  }

  /** The livestream must exist. @returns false when too many are invited. */
  async add(streamId: string, userId: string): Promise<boolean> {
    return await this.#turns.run(streamId, async () => {
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
