/** Role of the author at the time of writing; viewers have none. */
export type Badge = 'broadcaster' | 'admin' | 'moderator';

export type ChatMessage = {
  /** UUIDv7. Ids rise in order of arrival within a stream. */
  id: string;
  streamId: string;
  userId: string;
  name: string;
  badge: Badge | null;
  message: string;
  createdAt: Date;
  /**
   * Media time that the author was watching, on the timeline of the broadcast; server time where the client sent
   * none.
   */
  mediaTime: Date;
  /** Idempotency key chosen by the client: a message sent again under it is stored once. */
  clientId: string | null;
  /** Keyed hash of the author's address; never sent to clients. */
  addressHash: string | null;
};

/** A message as sent to clients. */
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
