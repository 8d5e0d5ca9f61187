import type { Queries, Sql } from '../../platform/index.js';

/** Posts with links are allowed to everyone, to moderators and above, or to nobody. */
export type LinksPolicy = 'allowed' | 'moderators' | 'forbidden';

/** Chat settings of a livestream. */
export type ChatSettings = {
  /** Seconds between two messages of one user; 0: off. */
  slowMode: number;
  /** Only invitees of the livestream, and its moderators, may post. */
  membersOnly: boolean;
  /** Only followers of the broadcaster may post. */
  followersOnly: boolean;
  emoteOnly: boolean;
  /** Viewers without an account may post. */
  anonymous: boolean;
  links: LinksPolicy;
  blockedTerms: string[];
};

export const DEFAULT_SETTINGS: ChatSettings = {
  slowMode: 0,
  membersOnly: false,
  followersOnly: false,
  emoteOnly: false,
  anonymous: false,
  links: 'allowed',
  blockedTerms: [],
};

/** Statements on the table `chat_settings`, for this class alone. */
export class SettingsTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async find(streamId: string): Promise<ChatSettings> {
    const [row] = await this.#sql<ChatSettings[]>`
      select slow_mode as "slowMode", members_only as "membersOnly", followers_only as "followersOnly",
        emote_only as "emoteOnly", anonymous, links, blocked_terms as "blockedTerms"
      from chat_settings where stream_id = ${streamId}`;
    return row ?? DEFAULT_SETTINGS;
  }

  async save(sql: Queries, streamId: string, settings: ChatSettings): Promise<void> {
    const { slowMode, membersOnly, followersOnly, emoteOnly, anonymous, links, blockedTerms } = settings;
    await sql`
      insert into chat_settings
        (stream_id, slow_mode, members_only, followers_only, emote_only, anonymous, links, blocked_terms)
      values (${streamId}, ${slowMode}, ${membersOnly}, ${followersOnly}, ${emoteOnly}, ${anonymous}, ${links},
        ${blockedTerms})
      on conflict (stream_id) do update set slow_mode = excluded.slow_mode, members_only = excluded.members_only,
        followers_only = excluded.followers_only, emote_only = excluded.emote_only,
        anonymous = excluded.anonymous, links = excluded.links, blocked_terms = excluded.blocked_terms`;
  }
}
