import type { ViewerProtocol } from '../streams/index.js';
import type { Viewer } from './viewer.js';

/** Numbers of viewers; those that joined and play nothing (yet) count in `total` only. */
export type ViewerCounts = { total: number; byProtocol: Record<ViewerProtocol, number> };

/** Counts without viewers. */
export const NO_VIEWERS: ViewerCounts['byProtocol'] = { whep: 0, 'll-hls': 0, hls: 0, dash: 0 };

/** The greatest number of concurrent viewers within a minute, and their protocols at that time. */
export type ViewerMinute = ViewerCounts & {
  /** Start of the minute, Unix ms. */
  startedAt: number;
};

const MINUTE_MS = 60_000;

/** The viewers and reserved places of one livestream, their counts, peak and minutes. */
export class StreamAudience {
  readonly streamId: string;
  readonly viewers = new Set<Viewer>();
  /** The total that was last broadcast. */
  broadcastTotal = 0;
  /** The peak that is stored, the peak announced to listeners, and when (monotonic ms). */
  storedPeak = 0;
  announcedPeak = 0;
  announcedAt = Number.NEGATIVE_INFINITY;
  /** Monotonic ms until which the search for a displaceable viewer is suspended. */
  noDisplaceableUntil = Number.NEGATIVE_INFINITY;
  readonly #byProtocol: Record<ViewerProtocol, number> = { ...NO_VIEWERS };
  readonly #finished: ViewerMinute[] = [];
  #total = 0;
  #places = 0;
  readonly #placesByKey = new Map<string, number>();
  #peak = 0;
  #minute: ViewerMinute | undefined;
  #minuteChanged = false;

  constructor(streamId: string) {
    this.streamId = streamId;
  }

  get total(): number {
    return this.#total;
  }

  /** Places taken of the viewer limit. */
  get places(): number {
    return this.#places;
  }

  /** Places taken by an account or a network address. */
  placesOf(shareKey: string): number {
    return this.#placesByKey.get(shareKey) ?? 0;
  }

  /** Greatest number of concurrent viewers since the construction. */
  get peak(): number {
    return this.#peak;
  }

  /** Sets the peak that the database holds. */
  restorePeak(viewers: number): void {
    // Once a peak was counted here, the stored value is this object's own.
    if (this.#peak === 0) this.announcedPeak = Math.max(this.announcedPeak, viewers);
    this.storedPeak = Math.max(this.storedPeak, viewers);
  }

  counts(): ViewerCounts {
    return { total: this.#total, byProtocol: { ...this.#byProtocol } };
  }

  takePlace(viewer: Viewer): void {
    this.viewers.add(viewer);
    if (viewer.isExempt) return;
    this.#places++;
    this.#placesByKey.set(viewer.shareKey, this.placesOf(viewer.shareKey) + 1);
  }

  freePlace(viewer: Viewer): void {
    if (viewer.isExempt) return;
    this.#places--;
    const left = this.placesOf(viewer.shareKey) - 1;
    if (left > 0) this.#placesByKey.set(viewer.shareKey, left);
    else this.#placesByKey.delete(viewer.shareKey);
  }

  /** Counts a viewer. @param now Unix ms */
  addViewer(viewer: Viewer, now: number): void {
    this.updateMinute(now);
    this.#total++;
    if (viewer.protocol) this.#byProtocol[viewer.protocol]++;
    this.#peak = Math.max(this.#peak, this.#total);
    this.updateMinute(now);
  }

  removeViewer(viewer: Viewer, now: number): void {
    this.updateMinute(now);
    this.#total--;
    if (viewer.protocol) this.#byProtocol[viewer.protocol]--;
  }

  changeProtocol(viewer: Viewer, protocol: ViewerProtocol): void {
    if (viewer.protocol) this.#byProtocol[viewer.protocol]--;
    viewer.protocol = protocol;
    this.#byProtocol[protocol]++;
  }

  /** Starts a new minute when one has passed, and records the counts in it. @param now Unix ms */
  updateMinute(now: number): void {
    const startedAt = Math.floor(now / MINUTE_MS) * MINUTE_MS;
    if (this.#minute && this.#minute.startedAt !== startedAt) {
      if (this.#minuteChanged) this.#finished.push(this.#minute);
      this.#minute = undefined;
    }
    if (this.#total < (this.#minute?.total ?? 1)) return;
    const counts = this.counts();
    if (this.#minute && isSame(this.#minute, counts)) return;
    this.#minute = { startedAt, ...counts };
    this.#minuteChanged = true;
  }

  /** The current minute so far; undefined while it has no viewers. */
  get minute(): ViewerMinute | undefined {
    return this.#minute && { ...this.#minute, byProtocol: { ...this.#minute.byProtocol } };
  }

  /** Returns the minutes changed since the last call; the current one may be returned again. */
  takeMinutes(): ViewerMinute[] {
    const minutes = this.#finished.splice(0);
    if (this.#minute && this.#minuteChanged) minutes.push({ ...this.#minute });
    this.#minuteChanged = false;
    return minutes;
  }
}

function isSame(one: ViewerCounts, other: ViewerCounts): boolean {
  const protocols = Object.keys(one.byProtocol) as ViewerProtocol[];
  return (
    one.total === other.total &&
    protocols.every((protocol) => one.byProtocol[protocol] === other.byProtocol[protocol])
  );
}
