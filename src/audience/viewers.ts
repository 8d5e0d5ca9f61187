import { NO_IDENTITY } from '../accounts/index.js';
import { type Clock, newId } from '../platform/index.js';
import type { ViewerProtocol } from '../streams/index.js';
import { StreamAudience } from './stream-audience.js';
import { type Hold, type View, Viewer } from './viewer.js';
import { findDisplaceable, hasPlaceFor } from './viewer-share.js';

/** Inactivity after which a viewer has left. */
export const INACTIVITY_MS = 15_000;
/** Lifetime of a reserved place without a request. */
const RESERVATION_MS = 10_000;
/** Time within which a returning viewer continues the same view. */
export const RESUME_WINDOW_MS = 5 * 60_000;
/** Time after the last reload with delivery directives in which a player still counts as low-latency. */
const LOW_LATENCY_HOLD_MS = 15_000;
const TOKENS_PER_VIEWER = 4;
/** Pause after a search for a displaceable viewer that found none. */
const DISPLACEMENT_RETRY_MS = 1_000;

export type ViewersOptions = {
  clock: Clock;
  /** Limit of viewers in memory. */
  maximumViewers: number;
  /** Called when a view has started, changed or ended and must be stored. */
  onViewChanged(view: View): void;
};

/** Tracks the presence, places and holds of all viewers, in memory. */
export class Viewers {
  readonly #options: ViewersOptions;
  readonly #streams = new Map<string, StreamAudience>();
  readonly #byId = new Map<string, Viewer>();
  readonly #byToken = new Map<string, Viewer>();
  /** Viewers that left and may return, in the order of leaving; without those that are held. */
  readonly #left = new Set<Viewer>();
  /** Livestreams whose broadcast has ended, by the time of the end (monotonic ms); the last one is the newest. */
  readonly #ended = new Map<string, number>();

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

  /** Returns the viewer of a token, unless a review of its permission is pending. */
  byToken(streamId: string, token: string): Viewer | undefined {
    const viewer = this.#byToken.get(token);
    return viewer?.streamId === streamId && viewer.isVerified ? viewer : undefined;
  }

  /** @returns undefined if the limit is reached */
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

  /** Binds a token to the viewer. */
  addToken(viewer: Viewer, token: string): void {
    if (this.#byToken.get(token) === viewer) return;
    this.#byToken.set(token, viewer);
    viewer.tokens.push(token);
    if (viewer.tokens.length > TOKENS_PER_VIEWER) this.#byToken.delete(viewer.tokens.shift() ?? '');
  }

  /** Unbinds a token. */
  forgetToken(viewer: Viewer, token: string): void {
    const index = viewer.tokens.indexOf(token);
    if (index >= 0) viewer.tokens.splice(index, 1);
    if (this.#byToken.get(token) === viewer) this.#byToken.delete(token);
  }

  /** Restores viewers that left shortly before a restart. */
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
   * Reserves a place for a viewer that has none.
   *
   * @param limit places of the stream
   * @returns false if all are taken
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
    this.#byId.set(viewer.id, viewer); // may have been replaced meanwhile
    for (const token of viewer.tokens) this.#byToken.set(token, viewer);
    this.#left.delete(viewer);
    viewer.presence = 'expected';
    viewer.since = this.#options.clock.monotonic();
    stream.takePlace(viewer);
    return true;
  }

  /** Displaces a viewer of lower priority, if there is one. */
  #displaceFor(viewer: Viewer, stream: StreamAudience, limit: number): boolean {
    const now = this.#options.clock.monotonic();
    if (now < stream.noDisplaceableUntil) return false;
    const displaceable = findDisplaceable(viewer, stream, limit);
    if (displaceable) {
      this.leave(displaceable);
      displaceable.isDisplaced = true;
      return true;
    }
    // No claim is stronger than that of a key without places, so that a further search would fail too.
    if (stream.placesOf(viewer.shareKey) === 0) stream.noDisplaceableUntil = now + DISPLACEMENT_RETRY_MS;
    return false;
  }

  /** Frees a reserved place that is not used. */
  withdraw(viewer: Viewer): void {
    if (viewer.presence === 'expected' && !viewer.isHeld) this.#leave(viewer, 0);
  }

  /** Counts the viewer from now on. */
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

  /** Records a request, and its protocol if it was for media. The media that an ended broadcast has left do not count. */
  recordRequest(viewer: Viewer, protocol?: ViewerProtocol): void {
    if (protocol !== undefined && this.#hasLeftAtEnd(viewer)) return;
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

  /** Records a beacon of a viewer that plays, which marks the place as used. */
  recordBeacon(viewer: Viewer): void {
    if (this.#hasLeftAtEnd(viewer)) return;
    this.recordRequest(viewer);
    if (viewer.placeUse === 'none') viewer.placeUse = 'alive';
  }

  /**
   * Keeps the viewer present until the returned function is called.
   *
   * @param connected counts the viewer only when it resolves; a release before that frees the place at once
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

  /** Removes the viewer from its stream; its view ends at the last activity. */
  leave(viewer: Viewer): void {
    const { clock } = this.#options;
    const last = viewer.isHeld ? clock.monotonic() : Math.max(viewer.seenAt, viewer.heldUntil);
    this.#leave(viewer, clock.monotonic() - Math.max(last, viewer.since));
  }

  /** Handles an explicit leave; a viewer that is held leaves when the last hold is released. */
  leaveDeliberately(viewer: Viewer): void {
    const { isHeld } = viewer;
    viewer.seenAt = isHeld ? Number.NEGATIVE_INFINITY : this.#options.clock.monotonic();
    if (!isHeld) this.leave(viewer);
  }

  /** Ends the admission: notifies all holds, and invalidates the tokens. */
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

  /** Makes the viewers of a deleted account anonymous. */
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

  /** Sets whether the viewer limit does not apply to the viewer. */
  setExempt(viewer: Viewer, exempt: boolean): void {
    if (viewer.isExempt === exempt) return;
    const stream = viewer.presence === 'away' ? undefined : this.#streamOf(viewer);
    stream?.freePlace(viewer);
    viewer.isExempt = exempt;
    stream?.takePlace(viewer);
  }

  /** Removes all viewers of a stream, including those that are held. */
  broadcastEnded(stream: StreamAudience): void {
    for (const viewer of stream.viewers) this.leave(viewer);
    this.#ended.delete(stream.streamId);
    this.#ended.set(stream.streamId, this.#options.clock.monotonic());
  }

  /** Counts the viewers that are held from the start of a broadcast. */
  broadcastStarted(streamId: string): void {
    this.#ended.delete(streamId);
    for (const viewer of this.#streams.get(streamId)?.viewers ?? [])
      if (viewer.isHeld && !viewer.isDisplaced) this.enter(viewer);
  }

  /** Removes all viewers of all streams. */
  clear(): void {
    for (const stream of this.#streams.values()) this.broadcastEnded(stream);
  }

  /** Removes inactive viewers and expired reservations; call it once a second. */
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
    for (const [streamId, endedAt] of this.#ended) {
      if (now - endedAt < RESUME_WINDOW_MS) break;
      this.#ended.delete(streamId);
    }
  }

  /** Removes a stream without viewers. */
  removeStream(stream: StreamAudience): void {
    if (stream.viewers.size === 0) this.#streams.delete(stream.streamId);
  }

  #hasLeftAtEnd({ presence, streamId }: Viewer): boolean {
    return presence !== 'present' && this.#ended.has(streamId);
  }

  #setProtocol(viewer: Viewer, protocol: ViewerProtocol): void {
    if (viewer.protocol === protocol) return;
    this.#streamOf(viewer).changeProtocol(viewer, protocol);
    if (!viewer.view) return;
    viewer.view.protocol = protocol;
    this.#options.onViewChanged(viewer.view);
  }

  /** @param agoMs age of the last activity */
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

  /** Keeps a viewer that is away and not held for a possible return. */
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
