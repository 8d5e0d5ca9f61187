import type { Account, Authentication, Channels, StreamKeys } from '../../accounts/index.js';
import type { ChatRecords } from '../../chat/index.js';
import type { Clock } from '../../platform/index.js';
import type { Recordings } from '../../recordings/index.js';
import type { Restreams } from '../../restreams/index.js';
import type { Livestream, Livestreams } from '../../streams/index.js';
import type { Videos } from '../../videos/index.js';
import type { Webhooks } from '../../webhooks/index.js';
import { toClips } from '../clips/clip-view.js';
import { toStreamKey } from '../keys/stream-key-view.js';
import type { LivestreamLookup } from '../livestreams/livestream-lookup.js';
import type { PublicUrls } from '../livestreams/stream-view.js';
import { toRecordings } from '../recordings/recording-view.js';
import { toTarget } from '../restreams/restream-routes.js';
import { toVideo } from '../videos/video-view.js';
import { toWebhook } from '../webhooks/webhook-routes.js';

/** Stored data of all modules that an export contains. */
export type ExportSources = {
  accounts: Pick<Authentication['accounts'], 'findAccount'>;
  sessions: Pick<Authentication['sessions'], 'list'>;
  accessTokens: Pick<Authentication['accessTokens'], 'list'>;
  channels: Pick<Channels, 'find'>;
  keys: Pick<StreamKeys, 'list'>;
  livestreams: Pick<Livestreams, 'listByUser' | 'invitees'>;
  lookup: Pick<LivestreamLookup, 'show'>;
  records: Pick<ChatRecords, 'messagesOf' | 'moderationOf'>;
  recordings: Pick<Recordings, 'listByUser'> & { clips: Pick<Recordings['clips'], 'listByUser'> };
  videos: Pick<Videos, 'listByUser'>;
  restreams: Pick<Restreams, 'list'>;
  webhooks: Pick<Webhooks, 'list'>;
  urls: PublicUrls;
  clock: Clock;
};

/** Rows that are read, and kept in memory, at a time. */
const PAGE = 100;

/**
 * Writes the data of a user as one JSON object. Lists are read page by page; nothing is read before the text so far was taken.
 * Secrets are not in it: keys, tokens and targets are described only.
 *
 * @param userId of an account, or of a host platform
 */
export async function* exportText(userId: string, sources: ExportSources): AsyncGenerator<string> {
  const { accounts, channels, keys, restreams, webhooks, clock } = sources;
  const account = await accounts.findAccount(userId);
  yield `{"exportedAt":${JSON.stringify(new Date(clock.now()))},"userId":${JSON.stringify(userId)}`;
  yield field('account', account ? await accountData(account, sources) : null);
  yield field('channel', (await channels.find(userId)) ?? null);
  yield field(
    'channelKeys',
    (await keys.list({ userId })).map((key) => toStreamKey(key, clock.now())),
  );
  yield field('restreamTargets', (await restreams.list({ userId })).map(toTarget));
  // Webhooks belong to the server; administrators manage them.
  yield field('webhooks', account?.role === 'admin' ? (await webhooks.list()).map(toWebhook) : []);
  yield* list('livestreams', livestreamsOf(userId, sources));
  yield* list('recordings', recordingsOf(userId, sources));
  yield* list('clips', clipsOf(userId, sources));
  yield* list('videos', videosOf(userId, sources));
  yield* list('chatMessages', messagesOf(userId, sources));
  yield '}\n';
}

async function accountData(
  { id, name, role, createdAt }: Account,
  { sessions, accessTokens }: ExportSources,
): Promise<object> {
  const [opened, tokens] = await Promise.all([sessions.list(id), accessTokens.list(id)]);
  return { id, name, role, createdAt, sessions: opened, accessTokens: tokens };
}

async function* livestreamsOf(userId: string, sources: ExportSources): AsyncGenerator<object> {
  const { livestreams, lookup } = sources;
  const found = pages((before) => livestreams.listByUser(userId, { limit: PAGE, offset: 0, before }, 'all'));
  for await (const livestream of found)
    yield { ...(await lookup.show(livestream)), ...(await belongingsOf(livestream, sources)) };
}

async function belongingsOf({ id }: Livestream, sources: ExportSources): Promise<object> {
  const { keys, livestreams, records, restreams, clock } = sources;
  const guests: { userId: string; invitedAt: Date }[] = [];
  for (let more = PAGE; more === PAGE; ) {
    const page = await livestreams.invitees.list(id, { limit: PAGE, offset: guests.length });
    guests.push(...page);
    more = page.length;
  }
  return {
    keys: (await keys.list({ streamId: id })).map((key) => toStreamKey(key, clock.now())),
    guests,
    ...(await records.moderationOf(id)),
    restreamTargets: (await restreams.list({ streamId: id })).map(toTarget),
  };
}

async function* recordingsOf(userId: string, { recordings, urls }: ExportSources): AsyncGenerator<object> {
  const found = pages((before) => recordings.listByUser(userId, { limit: PAGE, offset: 0, before }));
  for await (const recording of found) yield* toRecordings([recording], urls);
}

async function* clipsOf(userId: string, { recordings, urls }: ExportSources): AsyncGenerator<object> {
  const found = pages((before) => recordings.clips.listByUser(userId, { limit: PAGE, offset: 0, before }));
  for await (const clip of found) yield* toClips([clip], urls);
}

async function* videosOf(userId: string, { videos, urls }: ExportSources): AsyncGenerator<object> {
  const found = pages((before) => videos.listByUser(userId, { limit: PAGE, before }, 'all'));
  for await (const video of found) yield toVideo(video, urls);
}

function messagesOf(userId: string, { records }: ExportSources): AsyncGenerator<object> {
  return pages((before) => records.messagesOf(userId, { limit: PAGE, before }));
}

/** Yields the rows of a list with the newest first. @param read returns up to `PAGE` rows that are older than an id */
async function* pages<Row extends { id: string }>(
  read: (before: string | undefined) => Promise<Row[]>,
): AsyncGenerator<Row> {
  for (let before: string | undefined; ; ) {
    const rows = await read(before);
    yield* rows;
    const last = rows.at(-1);
    if (!last || rows.length < PAGE) return;
    before = last.id;
  }
}

function field(name: string, value: unknown): string {
  return `,\n${JSON.stringify(name)}:${JSON.stringify(value)}`;
}

async function* list(name: string, rows: AsyncIterable<object>): AsyncGenerator<string> {
  yield `,\n${JSON.stringify(name)}:[`;
  let separator = '\n';
  for await (const row of rows) {
    yield separator + JSON.stringify(row);
    separator = ',\n';
  }
  yield ']';
}
