import { BROADCAST_END, type StreamChange } from '../streams/index.js';

/** What happened, in the notation of https://www.standardwebhooks.com ("event types"), with what is told of it. */
export type WebhookData = {
  /** Viewers can watch. `resumed`: again, after the publisher had been away. */
  'broadcast.live': { streamId: string; broadcastId: string; resumed: boolean };
  /** The publisher is gone; it is waited for until then. */
  'broadcast.reconnecting': { streamId: string; broadcastId: string; until: string };
  'broadcast.ended': { streamId: string; broadcastId: string; reason: string };
  'recording.ready': { streamId: string; url: string };
  /** There were never so many viewers of this livestream at the same time. */
  'viewers.peak': { streamId: string; viewers: number };
};

/** What webhooks can ask for. */
export type WebhookEvent = keyof WebhookData;

/** Sent on request, to try a webhook out; every webhook gets it, once. */
export const PING = 'ping';

/** The body of a delivery. */
export type WebhookPayload = {
  type: string;
  /** When it happened, ISO 8601. */
  timestamp: string;
  data: Record<string, string | number | boolean>;
};

/** A step of a broadcast as an event, with its data: the two arguments of `Webhooks.emit`. */
type BroadcastEvent = {
  [E in 'broadcast.live' | 'broadcast.reconnecting' | 'broadcast.ended']: [E, WebhookData[E]];
}['broadcast.live' | 'broadcast.reconnecting' | 'broadcast.ended'];

/**
 * What a step of a broadcast is to the world outside, if anything: nobody is told of broadcasts that never could be
 * watched, nor of an end that is only a restart of the gateway.
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
