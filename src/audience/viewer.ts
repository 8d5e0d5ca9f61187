import type { Identity } from '../accounts/index.js';
import type { AccessScope, ViewerProtocol } from '../streams/index.js';

/** A row of `livestream_viewers`: one viewer, from joining to leaving. */
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

/** A connection that keeps the viewer present: a WHEP session, or a socket that joined (without a protocol). */
export type Hold = {
  protocol: ViewerProtocol | undefined;
  /** Called when the viewer's permission or place ends. */
  onDismissed: (() => void) | undefined;
  /** Set until the connection is established: it does not count until then. */
  isPending?: boolean;
};

/**
 * Known use of a place. `none`: admitted or joined only; `alive`: a joined socket, or beacons; `watching`: media playlists
 * or a WHEP session.
 */
export type PlaceUse = 'none' | 'alive' | 'watching';

/**
 * `expected`: has a reserved place, without a request yet. `present`: counted. `away`: without a place; may still be held
 * by connections while nothing is broadcast.
 */
export type Presence = 'expected' | 'present' | 'away';

/** A browser tab, player or program that watches one livestream. */
export class Viewer {
  readonly id: string;
  readonly streamId: string;
  userId: string | undefined;
  /** The identity whose permission admits the viewer. */
  identity: Identity;
  /** False from a change of permissions until the review has confirmed the admission. */
  isVerified = true;
  /** Whether the viewer limit does not apply. */
  isExempt = false;
  /** Account or network address whose share of the viewer limit counts this viewer. */
  shareKey = '';
  placeUse: PlaceUse = 'none';
  /** Whether another viewer took the place; a request for media takes a new one. */
  isDisplaced = false;
  /** Access scope of the livestream at the last check. */
  accessScope: AccessScope = 'everybody';
  presence: Presence = 'away';
  /** The last protocol; undefined before the first media request. */
  protocol: ViewerProtocol | undefined;
  /** The latest view; continued when the viewer returns within five minutes. */
  view: View | undefined;
  /** Tokens used or issued lately, the newest last. */
  readonly tokens: string[] = [];
  readonly holds = new Set<Hold>();
  /** Monotonic ms of the last change of presence, the last request, and the last low-latency request. */
  since = Number.NEGATIVE_INFINITY;
  seenAt = Number.NEGATIVE_INFINITY;
  lowLatencyAt = Number.NEGATIVE_INFINITY;
  /** Monotonic ms of the last media playlist request or end of a WHEP session. */
  mediaAt = Number.NEGATIVE_INFINITY;
  /** Monotonic ms of the last release of a hold. */
  heldUntil = Number.NEGATIVE_INFINITY;

  constructor({ id, streamId, userId, identity }: Pick<Viewer, 'id' | 'streamId' | 'userId' | 'identity'>) {
    this.id = id;
    this.streamId = streamId;
    this.userId = userId;
    this.identity = identity;
  }

  /** Protocol of an established connection, if any. */
  get heldProtocol(): ViewerProtocol | undefined {
    for (const { protocol, isPending } of this.holds)
      if (protocol !== undefined && !isPending) return protocol;
    return undefined;
  }

  /** Whether an established connection keeps the viewer present. */
  get isHeld(): boolean {
    for (const { isPending } of this.holds) if (!isPending) return true;
    return false;
  }
}
