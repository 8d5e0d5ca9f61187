import { BROADCAST_END, type StreamChange } from '../streams/index.js';

/** Event types, in the notation of https://www.standardwebhooks.com, with their data. */
export type WebhookData = {
  /** Viewers can watch. `resumed`: again, after the publisher reconnected. */
  'broadcast.live': { streamId: string; broadcastId: string; resumed: boolean };
  /** The publisher disconnected; the broadcast ends at `until` unless it reconnects. */
  'broadcast.reconnecting': { streamId: string; broadcastId: string; until: string };
  'broadcast.ended': { streamId: string; broadcastId: string; reason: string };
  /** The last three are missing for a recording on another server. */
  'recording.ready': {
    streamId: string;
    url: string;
    recordingId?: string;
    durationS?: number;
    sizeBytes?: number;
  };
  /** Highest number of concurrent viewers of this livestream so far. */
  'viewers.peak': { streamId: string; viewers: number };
};

/** Event types that a webhook can subscribe to. */
export type WebhookEvent = keyof WebhookData;

/** Test event, sent on request, once, to any webhook. */
export const PING = 'ping';

/** Body of a delivery. */
export type WebhookPayload = {
  type: string;
  /** Time of the event, ISO 8601. */
  timestamp: string;
  data: Record<string, string | number | boolean>;
};

/** Arguments of `Webhooks.emit` for a broadcast's state change. */
type BroadcastEvent = {
  [E in 'broadcast.live' | 'broadcast.reconnecting' | 'broadcast.ended']: [E, WebhookData[E]];
}['broadcast.live' | 'broadcast.reconnecting' | 'broadcast.ended'];

/**
 * Maps a state change to an event. Returns undefined for broadcasts that never went live, and for ends caused by a
 * restart of the gateway.
 */
export function broadcastEvent(change: StreamChange): BroadcastEvent | undefined {
  const { streamId, broadcastId, to, wasLive, end } = change;
  if (to.name === 'live') return ['broadcast.live', { streamId, broadcastId, resumed: wasLive }];
  if (!wasLive) return undefined;
  if (to.name === 'reconnecting') {
    const until = new Date(to.until).toISOString();
    return ['broadcast.reconnecting', { streamId, broadcastId, until }];
  }
  if (to.name === 'offline' && end !== undefined && BROADCAST_END[end].closesRow)
    return ['broadcast.ended', { streamId, broadcastId, reason: end }];
  return undefined;
}
