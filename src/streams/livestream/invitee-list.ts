import { KeyedMutex, type Sql } from '../../platform/index.js';
import { type LivestreamInvitee, LivestreamInviteeTable } from './livestream-invitee-table.js';
import type { Page } from './livestream-table.js';

/** Invitees per livestream. */
const MAXIMUM_INVITEES = 1_000;

/** Invitees of private livestreams. */
export class InviteeList {
  readonly #table: LivestreamInviteeTable;
  /** Serializes invitations to a livestream, so that their number is bounded. */
  readonly #mutex = new KeyedMutex();
  readonly #onRemoved: (streamId: string) => void;

  /**
   * @param onRemoved called with livestreams that lost an invitee
   */
  constructor(sql: Sql, onRemoved: (streamId: string) => void) {
    this.#table = new LivestreamInviteeTable(sql);
    this.#onRemoved = onRemoved;
  }

  async list(streamId: string, page: Page): Promise<LivestreamInvitee[]> {
    return await this.#table.list(streamId, page);
  }

  /** Whether a user may watch as an invitee: not during a private test. */
  async has(streamId: string, userId: string): Promise<boolean> {
    return await this.#table.admits(streamId, userId);
  }

  /** The livestream must exist. @returns false when it has the maximum of invitees */
  async add(streamId: string, userId: string): Promise<boolean> {
    return await this.#mutex.run(streamId, async () => {
      if (await this.#table.has(streamId, userId)) return true;
      if ((await this.#table.count(streamId)) >= MAXIMUM_INVITEES) return false;
      await this.#table.insert(streamId, userId);
      return true;
    });
  }

  /** @returns false when they were not invited. */
  async remove(streamId: string, userId: string): Promise<boolean> {
    const removed = await this.#table.delete(streamId, userId);
    if (removed) this.#onRemoved(streamId);
    return removed;
  }

  /** Removes a user from all livestreams. */
  async removeEverywhere(userId: string): Promise<void> {
    for (const streamId of await this.#table.deleteAllOf(userId)) this.#onRemoved(streamId);
  }
}
