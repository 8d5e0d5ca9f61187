/** What the sender was in the stream when they wrote; viewers are nothing in particular. */
export type Badge = 'broadcaster' | 'admin' | 'moderator';

export type ChatMessage = {
  /** UUIDv7: in the order in which messages arrived in their stream. */
  id: string;
  streamId: string;
  userId: string;
  name: string;
  badge: Badge | null;
  message: string;
  createdAt: Date;
  /** What the sender saw when they wrote, on the timeline of the media; the server's time where they did not say. */
  mediaTime: Date;
  /** The sender's own name for it: sent again, it is the same message. */
  clientId: string | null;
  /** Where it came from; never shown to anybody. */
  addressHash: string | null;
};

/** A message as clients get it. */
export type PublicMessage = {
  id: string;
  streamId: string;
  userId: string;
  name: string;
  badge?: Badge;
  message: string;
  /** ISO 8601. */
  createdAt: string;
  /** ISO 8601. */
  mediaTime: string;
  clientId?: string;
};

export function publicMessage(message: ChatMessage): PublicMessage {
  const { id, streamId, userId, name, badge, clientId } = message;
  return {
    id,
    streamId,
    userId,
    name,
    ...(badge ? { badge } : {}),
    message: message.message,
    createdAt: message.createdAt.toISOString(),
    mediaTime: message.mediaTime.toISOString(),
    ...(clientId === null ? {} : { clientId }),
  };
}
