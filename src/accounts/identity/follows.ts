import { type Clock, PublicError, type Sql } from '../../platform/index.js';
import { FollowTable } from './follow-table.js';

const AT_MOST = 5_000;

/** Follows between users. */
export class Follows {
  readonly #table: FollowTable;
  readonly #clock: Clock;

  constructor({ sql, clock }: { sql: Sql; clock: Clock }) {
    this.#table = new FollowTable(sql);
    this.#clock = clock;
  }

  /**
   * Idempotent.
   *
   * @throws PublicError 400 `own_follower`, 409 `too_many_follows`
   */
  async follow(follower: string, followed: string): Promise<void> {
    if (follower === followed) throw new PublicError(400, 'own_follower', 'You cannot follow yourself.');
    if (!(await this.#table.insert(follower, followed, new Date(this.#clock.now()), AT_MOST)))
      throw new PublicError(409, 'too_many_follows', `You can follow ${AT_MOST} users: unfollow one first.`);
  }

  unfollow(follower: string, followed: string): Promise<void> {
    return this.#table.delete(follower, followed);
  }

  /** Deletes follows by and of a user. */
  forgetUser(userId: string): Promise<void> {
    return this.#table.deleteOf(userId);
  }

  countFollowers(userId: string): Promise<number> {
    return this.#table.countFollowers(userId);
  }

  isFollowing(follower: string, followed: string): Promise<boolean> {
    return this.#table.has(follower, followed);
  }
}
