import { BoundedCalls, type Clock, isUuid } from '../../platform/index.js';
import { RewindIndex } from './rewind-index.js';
import type { RewindTable } from './rewind-table.js';

/** Age up to which an index answers without a look at the database, ms. */
const FRESH_MS = 500;
/** Time after which a recording that was deleted or made private by another gateway is not read any more, ms. */
const CHECKED_MS = 1_000;
/** Age without use after which an index is dropped, ms. */
const IDLE_MS = 300_000;
/** Segments in all indexes, about 300 bytes each. */
const MAXIMUM_CACHED_SEGMENTS = 400_000;
const MAXIMUM_CACHED = 1_000;
/** Segments of other renditions that may be stored later than the newest. */
const LATE_SEGMENTS = 8;

export type RewindsOptions = {
  table: RewindTable;
  storeId: string;
  /** 0: broadcasts cannot be rewound. */
  windowMs: number;
  /** Returns those of the given broadcasts that have not ended, in any gateway. */
  openAmong(broadcastIds: string[]): Promise<string[]>;
  clock: Clock;
};

/** Rewind window of a broadcast. */
export type Rewind = { index: RewindIndex; ended: boolean };

type Entry = Rewind & {
  readAtMs: number;
  usedAtMs: number;
  reading: Promise<void> | undefined;
  /** When it was known last that viewers may have all that is listed. */
  checkedAtMs: number;
  checking: Promise<boolean> | undefined;
  /** The last look at the database found nothing new: the broadcast may have ended. */
  isQuiet: boolean;
};

/** Finds the rewind windows of broadcasts, and keeps the indexes of those that are watched. */
export class Rewinds {
  readonly #options: RewindsOptions;
  readonly #calls: BoundedCalls;
  /** By broadcast id; that used last is at the end. */
  readonly #entries = new Map<string, Entry>();

  constructor(options: RewindsOptions) {
    this.#options = options;
    this.#calls = new BoundedCalls({ clock: options.clock });
  }

  get windowMs(): number {
    return this.#options.windowMs;
  }

  /**
   * Returns the window of a broadcast with what is stored now, or with what was stored when the database answered last.
   *
   * @param current false: what is known suffices, if anything is and viewers may still have it
   * @returns undefined if there is none, or it is of another livestream
   * @throws PublicError 503 `temporarily_unavailable` when the database does not answer and nothing is known
   */
  async find(streamId: string, broadcastId: string, current: boolean): Promise<Rewind | undefined> {
    const { clock, windowMs } = this.#options;
    if (windowMs === 0 || !isUuid(broadcastId)) return undefined;
    const nowMs = clock.monotonic();
    const entry = this.#entry(broadcastId.toLowerCase(), nowMs);
    const isKnown = entry.index.first !== undefined;
    if (!entry.ended && nowMs - entry.readAtMs >= FRESH_MS && (current || !isKnown)) {
      entry.reading ??= this.#read(broadcastId.toLowerCase(), entry).finally(() => {
        entry.reading = undefined;
      });
      await (isKnown ? entry.reading.catch(() => {}) : entry.reading);
    } else if (isKnown && nowMs - entry.checkedAtMs >= CHECKED_MS) {
      entry.checking ??= this.#isReadable(broadcastId.toLowerCase(), entry).finally(() => {
        entry.checking = undefined;
      });
      if (!(await entry.checking.catch(() => true))) return await this.find(streamId, broadcastId, current);
    }
    const { index } = entry;
    return index.first && index.streamId === streamId.toLowerCase() ? entry : undefined;
  }

  /** Looks whether viewers may still have all that is listed; else drops the entry. */
  async #isReadable(broadcastId: string, entry: Entry): Promise<boolean> {
    const { table, storeId, clock } = this.#options;
    const files = await this.#calls.run(() => table.listFiles(broadcastId, storeId));
    entry.checkedAtMs = clock.monotonic();
    if (entry.index.isWithin(files)) return true;
    if (this.#entries.get(broadcastId) === entry) this.#entries.delete(broadcastId);
    return false;
  }

  /** Drops what is cached of a broadcast, of which a recording has become private. */
  forget(broadcastId: string): void {
    this.#entries.delete(broadcastId);
  }

  #entry(broadcastId: string, nowMs: number): Entry {
    const entry: Entry = this.#entries.get(broadcastId) ?? {
      ...{ index: new RewindIndex(), ended: false, usedAtMs: nowMs },
      ...{ readAtMs: Number.NEGATIVE_INFINITY, reading: undefined, isQuiet: false },
      ...{ checkedAtMs: Number.NEGATIVE_INFINITY, checking: undefined },
    };
    entry.usedAtMs = nowMs;
    this.#entries.delete(broadcastId);
    this.#entries.set(broadcastId, entry);
    let total = 0;
    for (const { index } of this.#entries.values()) total += index.segmentCount;
    for (const [id, { index, usedAtMs }] of this.#entries) {
      const isFull = total > MAXIMUM_CACHED_SEGMENTS || this.#entries.size > MAXIMUM_CACHED;
      if (id === broadcastId || (!isFull && nowMs - usedAtMs < IDLE_MS)) break;
      this.#entries.delete(id);
      total -= index.segmentCount;
    }
    return entry;
  }

  async #read(broadcastId: string, entry: Entry): Promise<void> {
    const { table, storeId, openAmong, windowMs, clock } = this.#options;
    const sinceMs = clock.now() - windowMs;
    const files = await this.#calls.run(() => table.listFiles(broadcastId, storeId));
    if (files.length === 0) {
      // Nothing is kept of an id that somebody made up, nor of a broadcast whose recordings nobody may watch any more.
      if (this.#entries.get(broadcastId) === entry) this.#entries.delete(broadcastId);
      entry.index = new RewindIndex();
      return;
    }
    const known = new Set(entry.index.files.map(({ recordingId, number }) => `${recordingId}/${number}`));
    if (!entry.index.setFiles(files)) {
      entry.index = new RewindIndex();
      entry.index.setFiles(files);
      known.clear();
    }
    const { index } = entry;
    const newestRun = Math.max(-1, ...files.map(({ run }) => run));
    const wanted = files.flatMap(({ recordingId, number, run }) => {
      const isKnown = known.has(`${recordingId}/${number}`);
      if (isKnown && run < newestRun) return [];
      return { recordingId, number, fromMsn: isKnown ? Math.max(0, index.newestMsn - LATE_SEGMENTS) : 0 };
    });
    // Asked first: what is stored of an ended broadcast is complete then.
    const isOpen =
      !entry.isQuiet || (await this.#calls.run(() => openAmong([broadcastId]))).includes(broadcastId);
    const segments = await this.#calls.run(() => table.listSegments(wanted, new Date(sinceMs)));
    const before = index.newestMsn;
    index.add(segments);
    entry.isQuiet = index.newestMsn === before;
    entry.ended = !isOpen;
    index.update(sinceMs, entry.ended);
    entry.readAtMs = clock.monotonic();
    entry.checkedAtMs = entry.readAtMs;
  }
}
