import { NO_IDENTITY } from '../accounts/index.js';
import { type Clock, newId } from '../platform/index.js';
import type { ViewerProtocol } from '../streams/index.js';
import { StreamAudience } from './stream-audience.js';
import { type Hold, type View, Viewer } from './viewer.js';
import { findDisplaceable, hasPlaceFor } from './viewer-share.js';

/** Who gives no sign of life for so long has left. */
export const INACTIVITY_MS = 15_000;
/** Who was let in and asks for nothing does not keep their place. */
const RESERVATION_MS = 10_000;
/** Who comes back within this time goes on with the same view. */
export const RESUME_WINDOW_MS = 5 * 60_000;
/** A player that reloads without directives now and then still plays with low latency. */
const LOW_LATENCY_HOLD_MS = 15_000;
const TOKENS_PER_VIEWER = 4;
/** After a search for a place to take in vain. */
const DISPLACEMENT_RETRY_MS = 1_000;

export type ViewersOptions = {
  clock: Clock;
  /** Viewers remembered at the same time, at most. */
  maximumViewers: number;
  /** A view began, changed or ended: it has to be stored. */
  onViewChanged(view: View): void;
};

/** Everybody who watches, in memory alone: who is there, since when, and who is taken to have left. */
export class Viewers {
  readonly #options: ViewersOptions;
  readonly #streams = new Map<string, StreamAudience>();
  readonly #byId = new Map<string, Viewer>();
  readonly #byToken = new Map<string, Viewer>();
  /** Who left and may come back, those who left first before the others; who is held is not among them. */
  readonly #left = new Set<Viewer>();

  constructor(options: ViewersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byId.size;
  }

  streams(): Iterable<StreamAudience> {
    return this.#streams.values();
  }

  stream(streamId: string): StreamAudience | undefined {
    return this.#streams.get(streamId);
  }

  find(streamId: string, viewerId: string): Viewer | undefined {
    const viewer = this.#byId.get(viewerId);
    return viewer?.streamId === streamId ? viewer : undefined;
  }

  all(): Iterable<Viewer> {
    return this.#byId.values();
  }

  /** The viewer of a token, unless their permission has to be checked first. */
  byToken(streamId: string, token: string): Viewer | undefined {
    const viewer = this.#byToken.get(token);
    return viewer?.streamId === streamId && viewer.isVerified ? viewer : undefined;
  }

  /** @returns undefined when there is no room for one more. */
  add(facts: Pick<Viewer, 'id' | 'streamId' | 'userId' | 'identity'>): Viewer | undefined {
    if (this.size >= this.#options.maximumViewers) {
      const [oldest] = this.#left;
      if (!oldest) return undefined;
      this.#forget(oldest);
    }
    const viewer = new Viewer(facts);
    this.#byId.set(viewer.id, viewer);
    return viewer;
  }

  /** Whoever shows this token is the viewer. */
  addToken(viewer: Viewer, token: string): void {
    if (this.#byToken.get(token) === viewer) return;
    this.#byToken.set(token, viewer);
    viewer.tokens.push(token);
    if (viewer.tokens.length > TOKENS_PER_VIEWER) this.#byToken.delete(viewer.tokens.shift() ?? '');
  }

  /** A token does not stand for its viewer any more. */
  forgetToken(viewer: Viewer, token: string): void {
    const index = viewer.tokens.indexOf(token);
    if (index >= 0) viewer.tokens.splice(index, 1);
    if (this.#byToken.get(token) === viewer) this.#byToken.delete(token);
  }

  /** Those who had just left, as a gateway before this one stored them. */
  restore(views: readonly View[]): void {
    const { clock } = this.#options;
    for (const view of views) {
      const { viewerId, streamId, userId, protocol, leftAt } = view;
      const facts = { id: viewerId, streamId, userId: userId ?? undefined, identity: NO_IDENTITY };
      const viewer = this.add(facts);
      if (!viewer || !leftAt) continue;
      viewer.view = view;
      viewer.protocol = protocol ?? undefined;
      viewer.since = clock.monotonic() - Math.max(0, clock.now() - leftAt.getTime());
      this.#left.add(viewer);
    }
  }

  /**
   * Gives the viewer a place, if they have none.
   *
   * @param limit places of the stream.
   * @returns false when all are taken.
   */
  reservePlace(viewer: Viewer, limit: number): boolean {
    if (viewer.presence !== 'away') return true;
    const stream = this.#streamOf(viewer);
    if (
      !viewer.isExempt &&
      !hasPlaceFor(viewer, stream, limit) &&
      !this.#displaceFor(viewer, stream, limit)
    ) {
      if (!viewer.view) this.#forget(viewer);
      return false;
    }
    viewer.isDisplaced = false;
    this.#byId.set(viewer.id, viewer); // whoever held on to them meanwhile
    for (const token of viewer.tokens) this.#byToken.set(token, viewer);
    this.#left.delete(viewer);
    viewer.presence = 'expected';
    viewer.since = this.#options.clock.monotonic();
    stream.takePlace(viewer);
    return true;
  }

  /** Takes the place of a viewer who makes less of it, where there is one. */
  #displaceFor(viewer: Viewer, stream: StreamAudience, limit: number): boolean {
    const now = this.#options.clock.monotonic();
    if (now < stream.noDisplaceableUntil) return false;
    const displaceable = findDisplaceable(viewer, stream, limit);
    if (displaceable) {
      this.leave(displaceable);
      displaceable.isDisplaced = true;
      return true;
    }
    // Nobody's claim is stronger than that of an address without a place: a full livestream is not searched all the time.
    if (stream.placesOf(viewer.shareKey) === 0) stream.noDisplaceableUntil = now + DISPLACEMENT_RETRY_MS;
    return false;
  }

  /** Somebody who was let in did not come. */
  withdraw(viewer: Viewer): void {
    if (viewer.presence === 'expected' && !viewer.isHeld) this.#leave(viewer, 0);
  }

  /** They are there: from now on they count. */
  enter(viewer: Viewer): void {
    this.reservePlace(viewer, Number.POSITIVE_INFINITY);
    if (viewer.presence === 'present') return;
    const { clock } = this.#options;
    viewer.presence = 'present';
    viewer.since = clock.monotonic();
    const { id: viewerId, streamId, userId = null, protocol = null } = viewer;
    const leftAt = viewer.view?.leftAt?.getTime();
    if (leftAt !== undefined && clock.now() - leftAt >= RESUME_WINDOW_MS) viewer.view = undefined;
    viewer.view ??= {
      id: newId(),
      viewerId,
      streamId,
      userId,
      joinedAt: new Date(clock.now()),
      leftAt: null,
      protocol,
    };
    viewer.view.leftAt = null;
    this.#options.onViewChanged(viewer.view);
    this.#streamOf(viewer).addViewer(viewer, clock.now());
  }

  /** They gave a sign of life. */
  recordRequest(viewer: Viewer, protocol?: ViewerProtocol): void {
    const now = this.#options.clock.monotonic();
    viewer.seenAt = now;
    if (protocol !== undefined) {
      viewer.placeUse = 'watching';
      viewer.mediaAt = now;
    }
    if (protocol === 'll-hls') viewer.lowLatencyAt = now;
    if (viewer.presence !== 'present') this.enter(viewer);
    if (protocol === undefined || protocol === viewer.protocol) return;
    if (protocol === 'hls' && now - viewer.lowLatencyAt < LOW_LATENCY_HOLD_MS) return;
    if (viewer.heldProtocol === undefined) this.#setProtocol(viewer, protocol);
  }

  /** A beacon: they use their place, however they play. */
  recordBeacon(viewer: Viewer): void {
    this.recordRequest(viewer);
    if (viewer.placeUse === 'none') viewer.placeUse = 'alive';
  }

  /**
   * They are there until the returned function is called.
   *
   * @param connected they count only when it resolves; a hold that is let go before frees the place at once.
   */
  hold(viewer: Viewer, hold: Hold, connected?: Promise<void>): () => void {
    const { clock } = this.#options;
    viewer.holds.add(hold);
    const establish = (): void => {
      if (!viewer.holds.has(hold)) return;
      if (viewer.isDisplaced) {
        hold.onDismissed?.();
        return;
      }
      hold.isPending = false;
      this.enter(viewer);
      if (hold.protocol !== undefined) this.#setProtocol(viewer, hold.protocol);
      if (hold.protocol !== undefined) viewer.placeUse = 'watching';
      else if (viewer.placeUse === 'none') viewer.placeUse = 'alive';
    };
    if (connected) {
      hold.isPending = true;
      void connected.then(establish);
    } else establish();
    return () => {
      if (!viewer.holds.delete(hold)) return;
      if (hold.isPending) {
        if (viewer.holds.size === 0 && viewer.presence === 'away') this.#retain(viewer);
        return this.withdraw(viewer);
      }
      viewer.heldUntil = clock.monotonic();
      if (hold.protocol !== undefined) viewer.mediaAt = viewer.heldUntil;
      if (viewer.isHeld) return;
      if (viewer.presence === 'away') return viewer.holds.size === 0 ? this.#retain(viewer) : undefined;
      if (viewer.heldUntil - viewer.seenAt >= INACTIVITY_MS) this.leave(viewer);
    };
  }

  /** They have left. */
  leave(viewer: Viewer): void {
    const { clock } = this.#options;
    const last = viewer.isHeld ? clock.monotonic() : Math.max(viewer.seenAt, viewer.heldUntil);
    this.#leave(viewer, clock.monotonic() - Math.max(last, viewer.since));
  }

  /** They say goodbye; what still holds them has the last word. */
  leaveDeliberately(viewer: Viewer): void {
    const { isHeld } = viewer;
    viewer.seenAt = isHeld ? Number.NEGATIVE_INFINITY : this.#options.clock.monotonic();
    if (!isHeld) this.leave(viewer);
  }

  /** They may not watch any more: whatever holds them is told so, and their tokens are unknown from now on. */
  dismiss(viewer: Viewer): void {
    const holds = [...viewer.holds];
    this.leave(viewer);
    this.#forget(viewer);
    for (const { onDismissed } of holds) onDismissed?.();
  }

  userChanged(viewer: Viewer, userId: string): void {
    viewer.userId = userId;
    if (!viewer.view) return;
    viewer.view.userId = userId;
    this.#options.onViewChanged(viewer.view);
  }

  /** Somebody is nobody any more: their viewers are anonymous from now on. */
  anonymizeUser(userId: string): void {
    for (const viewer of this.#byId.values()) {
      if (viewer.userId !== userId) continue;
      viewer.userId = undefined;
      viewer.identity = NO_IDENTITY;
      if (!viewer.view) continue;
      viewer.view.userId = null;
      this.#options.onViewChanged(viewer.view);
    }
  }

  /** The limit is for them, or not any more. */
  setExempt(viewer: Viewer, exempt: boolean): void {
    if (viewer.isExempt === exempt) return;
    const stream = viewer.presence === 'away' ? undefined : this.#streamOf(viewer);
    stream?.freePlace(viewer);
    viewer.isExempt = exempt;
    stream?.takePlace(viewer);
  }

  /** Nothing is broadcast any more: nobody watches, whatever is still open. */
  broadcastEnded(stream: StreamAudience): void {
    for (const viewer of stream.viewers) this.leave(viewer);
  }

  /** Who waited for a broadcast watches it. */
  broadcastStarted(streamId: string): void {
    for (const viewer of this.#streams.get(streamId)?.viewers ?? [])
      if (viewer.isHeld && !viewer.isDisplaced) this.enter(viewer);
  }

  /** Everybody has left. */
  clear(): void {
    for (const stream of this.#streams.values()) this.broadcastEnded(stream);
  }

  /** Looks who has fallen silent; to be called about once a second. */
  sweep(): void {
    const { clock } = this.#options;
    const now = clock.monotonic();
    for (const stream of this.#streams.values()) {
      for (const viewer of stream.viewers) {
        const isPlaying = viewer.heldProtocol !== undefined || now - viewer.mediaAt < INACTIVITY_MS;
        if (viewer.placeUse === 'watching' && !isPlaying) viewer.placeUse = 'alive';
        if (viewer.isHeld) continue;
        if (viewer.presence === 'expected' && now - viewer.since >= RESERVATION_MS) this.withdraw(viewer);
        if (viewer.presence === 'present' && now - viewer.seenAt >= INACTIVITY_MS) this.leave(viewer);
      }
      stream.updateMinute(clock.now());
    }
    for (const viewer of this.#left) {
      if (now - viewer.since < RESUME_WINDOW_MS) break;
      this.#forget(viewer);
    }
  }

  /** Drops a stream of which nothing has to be remembered. */
  removeStream(stream: StreamAudience): void {
    if (stream.viewers.size === 0) this.#streams.delete(stream.streamId);
  }

  #setProtocol(viewer: Viewer, protocol: ViewerProtocol): void {
    if (viewer.protocol === protocol) return;
    this.#streamOf(viewer).changeProtocol(viewer, protocol);
    if (!viewer.view) return;
    viewer.view.protocol = protocol;
    this.#options.onViewChanged(viewer.view);
  }

  /** @param agoMs when that was. */
  #leave(viewer: Viewer, agoMs: number): void {
    if (viewer.presence === 'away') return;
    const { clock } = this.#options;
    const stream = this.#streamOf(viewer);
    stream.freePlace(viewer);
    if (viewer.presence === 'present') {
      stream.removeViewer(viewer, clock.now());
      if (viewer.view) {
        viewer.view.leftAt = new Date(Math.max(viewer.view.joinedAt.getTime(), clock.now() - agoMs));
        this.#options.onViewChanged(viewer.view);
      }
    }
    viewer.presence = 'away';
    viewer.placeUse = 'none';
    viewer.since = clock.monotonic();
    if (viewer.holds.size === 0) this.#retain(viewer);
  }

  /** Nobody holds who is away: they are remembered for a while. */
  #retain(viewer: Viewer): void {
    this.#streams.get(viewer.streamId)?.viewers.delete(viewer);
    if (this.#byId.get(viewer.id) !== viewer) return;
    if (viewer.view) this.#left.add(viewer);
    else this.#forget(viewer);
  }

  #forget(viewer: Viewer): void {
    this.#left.delete(viewer);
    if (this.#byId.get(viewer.id) === viewer) this.#byId.delete(viewer.id);
    for (const token of viewer.tokens) if (this.#byToken.get(token) === viewer) this.#byToken.delete(token);
    this.#streams.get(viewer.streamId)?.viewers.delete(viewer);
  }

  #streamOf(viewer: Viewer): StreamAudience {
    let stream = this.#streams.get(viewer.streamId);
    if (!stream) this.#streams.set(viewer.streamId, (stream = new StreamAudience(viewer.streamId)));
    return stream;
  }
}
