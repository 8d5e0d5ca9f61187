import { mayManage, requireWatchable } from '../accounts/index.js';
import { isUuid, PublicError, streamNotFound } from '../platform/index.js';
import {
  type Acknowledgement,
  type MessageData,
  messageInvalid,
  type SocketClient,
  type SocketFeature,
  type SocketHub,
} from '../sockets/index.js';
import type { Livestreams } from '../streams/index.js';
import type { OutputStatus } from './restream-target.js';
import type { Restreams } from './restreams.js';

export type StatusFeatureOptions = {
  restreams: Pick<Restreams, 'listForStream' | 'onStatus'>;
  livestreams: Pick<Livestreams, 'find' | 'invitees'>;
  hub: Pick<SocketHub, 'broadcast' | 'size'>;
};

/** Livestreams that one client may watch at the same time. */
const MAXIMUM_WATCHED = 20;

/**
 * Socket events for those who may manage a livestream. `restream:watch {streamId}` is acknowledged with `{streamId,
 * targets}`; then `restream:status {streamId, targetId, state, since, error, errorCode, bitrateBps, droppedFrames}` follows at each
 * change and every two seconds while a target is live, until `restream:unwatch {streamId}`. The permission ends with the
 * connection: a change of the account closes it.
 */
export function statusFeature({ restreams, livestreams, hub }: StatusFeatureOptions): SocketFeature {
  const watched = new WeakMap<SocketClient, Set<string>>();
  restreams.onStatus((streamId, targetId, status) => {
    const room = roomOf(streamId);
    if (hub.size(room) > 0) hub.broadcast(room, 'restream:status', { streamId, targetId, ...toData(status) });
  });

  async function watch(client: SocketClient, data: MessageData): Promise<Acknowledgement> {
    const streamId = streamIdOf(data);
    const { principal } = client;
    const livestream = await requireWatchable(principal, await livestreams.find(streamId), (id, userId) =>
      livestreams.invitees.has(id, userId),
    );
    if (!mayManage(principal, livestream))
      throw new PublicError(403, 'not_allowed', 'This livestream belongs to another user.');
    const rooms = watched.get(client) ?? new Set();
    watched.set(client, rooms);
    if (rooms.size >= MAXIMUM_WATCHED && !rooms.has(streamId))
      throw new PublicError(429, 'too_many_streams', `Watch ${MAXIMUM_WATCHED} livestreams at most.`);
    rooms.add(streamId);
    client.enter(roomOf(streamId));
    const targets = await restreams.listForStream(streamId, livestream.userId);
    return {
      data: { streamId, targets: targets.map(({ id, name, status }) => ({ id, name, ...toData(status) })) },
    };
  }

  function unwatch(client: SocketClient, data: MessageData): undefined {
    const streamId = streamIdOf(data);
    watched.get(client)?.delete(streamId);
    client.leave(roomOf(streamId));
  }

  return { name: 'restreams', events: { 'restream:watch': watch, 'restream:unwatch': unwatch } };
}

function toData({ state, since, error, errorCode, bitrateBps, droppedFrames }: OutputStatus): MessageData {
  return { state, since: since.toISOString(), error, errorCode, bitrateBps, droppedFrames };
}

function roomOf(streamId: string): string {
  return `restreams:${streamId}`;
}

function streamIdOf({ streamId }: MessageData): string {
  if (typeof streamId !== 'string') throw messageInvalid('needs streamId, a string');
  if (!isUuid(streamId)) throw streamNotFound();
  return streamId.toLowerCase();
}
