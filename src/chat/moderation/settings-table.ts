import type { Queries, Sql } from '../../platform/index.js';

/** Who may post links: everybody, moderators and above, or nobody. */
export type LinksPolicy = 'allowed' | 'moderators' | 'forbidden';

/** How the chat of a livestream is set. */
export type ChatSettings = {
  /** Seconds between two messages of one person; 0: off. */
  slowMode: number;
  /** Only those who are invited to the livestream, and its moderators. */
  membersOnly: boolean;
  /** Only those who follow the broadcaster. */
  followersOnly: boolean;
  emoteOnly: boolean;
  /** Whether people without an account may write. */
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

/** Statements on the table `chat_settings`; nobody else queries it. */
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
