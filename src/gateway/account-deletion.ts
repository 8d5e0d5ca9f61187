import type { Authentication, Channels, StreamKeys } from '../accounts/index.js';
import type { Audience } from '../audience/index.js';
import type { AuditLog } from '../audit/index.js';
import type { Chat } from '../chat/index.js';
import type { Recordings } from '../recordings/index.js';
import type { Restreams } from '../restreams/index.js';
import type { Livestreams, StreamRegistry } from '../streams/index.js';
import type { ThumbnailStore } from '../thumbnails/index.js';
import type { Videos } from '../videos/index.js';

export type AccountDeletionModules = {
  authentication: Pick<Authentication, 'accountDeletion' | 'accounts' | 'exportClaims' | 'follows'>;
  keys: StreamKeys;
  channels: Channels;
  livestreams: Livestreams;
  streams: StreamRegistry;
  thumbnails: ThumbnailStore;
  recordings: Pick<Recordings, 'clips'>;
  restreams: Restreams;
  videos: Videos;
  audience: Audience;
  chat: Chat;
  audit: Pick<AuditLog, 'forgetUser'>;
};

/** Registers the data holders of all modules for account deletion, and resumes interrupted deletions. */
export function startAccountDeletion(modules: AccountDeletionModules): void {
  const { authentication, keys, channels, livestreams, streams, audience, chat } = modules;
  const { accountDeletion, accounts, follows } = authentication;
  accountDeletion.addHolder({
    isBusy: (userId) => streams.isUnderWay(userId),
    async release({ userId }) {
      await keys.forgetUser(userId);
      await livestreams.invitees.removeEverywhere(userId);
      await removeLivestreams(userId, modules);
      await modules.videos.forgetUser(userId);
    },
  });
  accountDeletion.addHolder({ release: (account) => chat.forgetUser(account) });
  accountDeletion.addHolder({ release: ({ userId }) => audience.forgetUser(userId) });
  accountDeletion.addHolder({
    async release({ userId, pseudonym }) {
      const name = (await accounts.findAccount(userId))?.name;
      await modules.audit.forgetUser({ userId, pseudonym, name });
    },
  });
  accountDeletion.addHolder({
    async release({ userId }) {
      await modules.recordings.clips.forgetUser(userId);
      await modules.restreams.forgetUser(userId);
      await channels.forgetUser(userId);
      await follows.forgetUser(userId);
      await authentication.exportClaims.forgetUser(userId);
    },
  });
  accountDeletion.start();
}

/** Ends each livestream before its removal: a publisher admitted meanwhile may have started one. */
async function removeLivestreams(
  userId: string,
  { livestreams, streams, thumbnails }: AccountDeletionModules,
): Promise<void> {
  for (;;) {
    const page = await livestreams.listByUser(userId, { limit: 100, offset: 0 }, 'all');
    if (page.length === 0) return;
    for (const { id } of page) {
      await streams.endLivestream(id, 'ended-by-owner');
      if ((await streams.remove(id)) === 'removed') await thumbnails.remove(id);
    }
  }
}
