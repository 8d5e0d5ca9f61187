import type { ViewerProtocol } from '../streams/index.js';
import type { Viewer } from './viewer.js';

/** How many watch, and how; who joined and sees no picture (yet) is in the total alone. */
export type ViewerCounts = { total: number; byProtocol: Record<ViewerProtocol, number> };

/** The most viewers at the same time within a minute, and how they watched then. */
export type ViewerMinute = ViewerCounts & {
  /** The minute's beginning, Unix ms. */
  startedAt: number;
};

const MINUTE_MS = 60_000;

/** Those who watch one livestream, or are about to: the counting of them. */
export class StreamAudience {
  readonly streamId: string;
  readonly viewers = new Set<Viewer>();
  /** The number that everybody was told last. */
  broadcastTotal = 0;
  /** The most at the same time that is known to be stored, and that listeners were told of, and when (monotonic ms). */
  storedPeak = 0;
  announcedPeak = 0;
  announcedAt = Number.NEGATIVE_INFINITY;
  /** Until when (monotonic ms) no viewer is looked for who could give up their place. */
  noDisplaceableUntil = Number.NEGATIVE_INFINITY;
  readonly #byProtocol: Record<ViewerProtocol, number> = { whep: 0, 'll-hls': 0, hls: 0 };
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

  /** Places taken, of those that the viewer limit allows. */
  get places(): number {
    return this.#places;
  }

  /** Places taken by an account or a network address. */
  placesOf(shareKey: string): number {
    return this.#placesByKey.get(shareKey) ?? 0;
  }

  /** The most at the same time since this was made. */
  get peak(): number {
    return this.#peak;
  }

  /** So many were there at the same time once, as the database has it. */
  restorePeak(viewers: number): void {
    // Later it is our own that comes back.
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

  /** They are there from now on. */
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

  /** Lets a minute begin where it is time, and notes in it how many are there. */
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

  /** The running minute, as it is until now; undefined while nobody has watched in it. */
  get minute(): ViewerMinute | undefined {
    return this.#minute && { ...this.#minute, byProtocol: { ...this.#minute.byProtocol } };
  }

  /** The minutes that changed since the last call; the running one may come again. */
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
