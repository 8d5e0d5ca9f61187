import type { Identity } from '../accounts/index.js';
import type { AccessScope, ViewerProtocol } from '../streams/index.js';

/** One row of `livestream_viewers`: somebody watched from then to then. */
export type View = {
  id: string;
  viewerId: string;
  streamId: string;
  userId: string | null;
  joinedAt: Date;
  /** Null while watching. */
  leftAt: Date | null;
  protocol: ViewerProtocol | null;
};

/** Something that lasts as long as the viewer is there: a WHEP session, a socket that joined (which is no protocol). */
export type Hold = {
  protocol: ViewerProtocol | undefined;
  /** The viewer may not watch any more. */
  onDismissed: (() => void) | undefined;
  /** A connection that is not established yet: it does not count. */
  isPending?: boolean;
};

/**
 * How far a viewer's use of their place is known. `none`: they were let in or joined, and nothing more; `alive`: a socket
 * that joined, or a beacon; `watching`: media playlists or a WHEP session.
 */
export type PlaceUse = 'none' | 'alive' | 'watching';

/**
 * `expected`: let in, and has a place, but nothing was asked for yet. `present`: counted. `away`: not there (any more); what
 * holds them may be, while nothing is broadcast.
 */
export type Presence = 'expected' | 'present' | 'away';

/** One browser tab (or player, or program) that watches one livestream. */
export class Viewer {
  readonly id: string;
  readonly streamId: string;
  userId: string | undefined;
  /** By whose permission they watch. */
  identity: Identity;
  /** False from a change that may concern them until they were found to be still permitted. */
  isVerified = true;
  /** Needs no place: the viewer limit is not for them. */
  isExempt = false;
  /** What the places of this viewer are counted by where there is a viewer limit: an account, or a network address. */
  shareKey = '';
  placeUse: PlaceUse = 'none';
  /** Gave the place to another viewer; comes back by asking for media. */
  isDisplaced = false;
  /** For whom the livestream is that they watch. */
  accessScope: AccessScope = 'everybody';
  presence: Presence = 'away';
  /** How they watched last; undefined: they have seen no picture. */
  protocol: ViewerProtocol | undefined;
  /** The newest row; the same again for who comes back soon. */
  view: View | undefined;
  /** Those that were shown or given lately, the newest last. */
  readonly tokens: string[] = [];
  readonly holds = new Set<Hold>();
  /** Monotonic ms: when the presence changed, when there was the last sign of life, and the last low-latency one. */
  since = Number.NEGATIVE_INFINITY;
  seenAt = Number.NEGATIVE_INFINITY;
  lowLatencyAt = Number.NEGATIVE_INFINITY;
  /** When a media playlist was asked for, or the last WHEP session let go. */
  mediaAt = Number.NEGATIVE_INFINITY;
  /** When the last hold was let go. */
  heldUntil = Number.NEGATIVE_INFINITY;

  constructor({ id, streamId, userId, identity }: Pick<Viewer, 'id' | 'streamId' | 'userId' | 'identity'>) {
    this.id = id;
    this.streamId = streamId;
    this.userId = userId;
    this.identity = identity;
  }

  /** The protocol of the connection that is held, if there is one. */
  get heldProtocol(): ViewerProtocol | undefined {
    for (const { protocol, isPending } of this.holds)
      if (protocol !== undefined && !isPending) return protocol;
    return undefined;
  }

  /** Whether an established connection holds them. */
  get isHeld(): boolean {
    for (const { isPending } of this.holds) if (!isPending) return true;
    return false;
  }
}
