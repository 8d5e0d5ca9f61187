import type { SocketHub } from '../../sockets/index.js';
import type { ChatRoles, Visitor } from '../chat-role.js';
import type { ChatRooms } from '../chat-rooms.js';
import type { Moderation } from './moderation.js';
import type { ChatSettings, SettingsTable } from './settings-table.js';

/** Settings as every viewer sees them; blocked terms are for moderators only. */
export type PublicSettings = Omit<ChatSettings, 'blockedTerms'>;

export function publicSettings({ blockedTerms: _, ...settings }: ChatSettings): PublicSettings {
  return settings;
}

export type SettingsOptions = {
  rooms: ChatRooms;
  roles: ChatRoles;
  moderation: Moderation;
  table: SettingsTable;
  hub: Pick<SocketHub, 'broadcast'>;
};

/** Reads and changes the settings of a chat. */
export class Settings {
  readonly #options: SettingsOptions;

  constructor(options: SettingsOptions) {
    this.#options = options;
  }

  /** Returns the settings; the blocked terms for moderators only. @throws PublicError 404 `stream_not_found` */
  async read(visitor: Visitor, streamId: string): Promise<PublicSettings & { blockedTerms?: string[] }> {
    const { rooms, roles } = this.#options;
    return await rooms.withRoom(streamId, visitor.principal, async (context) => {
      const { settings } = context.room;
      return roles.roleOf(visitor.principal, context) === 'viewer' ? publicSettings(settings) : settings;
    });
  }

  /**
   * Changes the given settings; for moderators. @throws PublicError 401 `not_signed_in`, 403 `not_allowed`, 404, 429
   */
  async change(visitor: Visitor, streamId: string, change: Partial<ChatSettings>): Promise<ChatSettings> {
    const { rooms, roles, moderation, table, hub } = this.#options;
    return await rooms.withRoom(streamId, visitor.principal, async (context) => {
      const { room } = context;
      roles.requireModerator(visitor, context);
      return await room.runExclusive(async () => {
        const changed = Object.entries(change).filter(
          ([name, value]) =>
            JSON.stringify(value) !== JSON.stringify(room.settings[name as keyof ChatSettings]),
        );
        if (changed.length === 0) return room.settings;
        const settings = { ...room.settings, ...Object.fromEntries(changed) } as ChatSettings;
        const logged = { action: 'settings-changed', details: Object.fromEntries(changed) } as const;
        await moderation.runLogged(visitor, context, logged, (sql) =>
          table.save(sql, room.streamId, settings),
        );
        room.settings = settings;
        hub.broadcast(room.hubRoom, 'chat:mode', { streamId: room.streamId, ...publicSettings(settings) });
        return settings;
      });
    });
  }
}
