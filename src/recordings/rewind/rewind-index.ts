import type { RecordedVariant, VodSegment } from '../../packager/index.js';
import type { RecordedSegment } from '../recording.js';
import { PositionIndex } from '../replay/position-index.js';
import type { FilePart } from '../replay/replay.js';
import { variantOf } from '../replay/replay-timeline.js';
import type { RewindFile } from './rewind-table.js';

type Stored = { file: RewindFile; segment: RecordedSegment };

/** Segments with the same number in all renditions; none: all miss it. */
type Position = {
  number: number;
  msn: number;
  run: number;
  startMs: number;
  durationS: number;
  renditions: Map<string, Stored>;
};

/** Segments that may follow one that a rendition still misses before it is listed as a gap. */
const LATE_SEGMENTS = 2;
/** Missing segments that are listed as gaps. Behind a longer hole the window begins anew. */
const MAXIMUM_GAPS = 3;
/** Time that may be missing between two segments of an encoder run, s. */
const MAXIMUM_HOLE_S = 8;
/** Duration of a missing segment between two runs, s. */
const UNKNOWN_S = 1;

/**
 * The window of a broadcast in which viewers can rewind. What was listed stays as it is: a segment is listed when all
 * renditions have it, or when it is too late for them.
 */
export class RewindIndex {
  readonly #files = new Map<string, RewindFile>();
  /** Listed, without holes. */
  #listed: Position[] = [];
  /** By number, behind those that are listed. */
  readonly #next = new Map<number, Position>();
  #newest = -1;
  #newestMsn = -1;
  #version = 0;
  #positions: { version: number; index: PositionIndex } | undefined;
  #longestS = 1;

  /** Changes with the listed segments. */
  get version(): number {
    return this.#version;
  }

  get segmentCount(): number {
    const [first] = this.#listed;
    return this.#listed.length * Math.max(1, first?.renditions.size ?? 1);
  }

  get files(): readonly RewindFile[] {
    return [...this.#files.values()];
  }

  get newestMsn(): number {
    return this.#newestMsn;
  }

  get streamId(): string | undefined {
    return this.files[0]?.streamId;
  }

  /** Duration of the longest segment so far, s. */
  get longestS(): number {
    return this.#longestS;
  }

  get first(): Position | undefined {
    return this.#listed[0];
  }

  has(file: Pick<RewindFile, 'recordingId' | 'number'>): boolean {
    return this.#files.has(keyOf(file));
  }

  /** Replaces the files. @returns false if one with a listed segment is gone: the index is to be read anew */
  setFiles(files: readonly RewindFile[]): boolean {
    this.#files.clear();
    for (const file of files) this.#files.set(keyOf(file), file);
    for (const { renditions } of this.#listed)
      for (const { file } of renditions.values()) if (!this.has(file)) return false;
    return true;
  }

  /** Whether all listed segments are in the given files. */
  isWithin(files: readonly RewindFile[]): boolean {
    const keys = new Set(files.map(keyOf));
    return this.#listed.every(({ renditions }) =>
      [...renditions.values()].every(({ file }) => keys.has(keyOf(file))),
    );
  }

  add(rows: readonly (RecordedSegment & { recordingId: string })[]): void {
    for (const segment of rows) {
      const { recordingId, fileNumber, msn, durationS, programDateTimeMs: startMs } = segment;
      const file = this.#files.get(keyOf({ recordingId, number: fileNumber }));
      if (!file) continue;
      const number = msn - file.msnOffset;
      this.#newestMsn = Math.max(this.#newestMsn, msn);
      if (number <= (this.#listed.at(-1)?.number ?? -1)) continue;
      this.#newest = Math.max(this.#newest, number);
      const known = this.#next.get(number);
      const position = known ?? { number, msn, run: file.run, startMs, durationS, renditions: new Map() };
      position.renditions.set(file.rendition, { file, segment });
      this.#next.set(number, position);
    }
  }

  /**
   * Lists what has become certain, and drops what is too old.
   *
   * @param sinceMs beginning of the window, Unix ms
   * @param ended nothing more will come
   */
  update(sinceMs: number, ended: boolean): void {
    for (let position = this.#certain(ended); position; position = this.#certain(ended)) {
      this.#next.delete(position.number);
      this.#list(position);
      this.#version++;
    }
    const kept = this.#listed.findIndex(({ startMs, durationS }) => startMs + durationS * 1000 > sinceMs);
    const old = kept < 0 ? this.#listed.length - 1 : kept;
    if (old <= 0) return;
    this.#listed.splice(0, old);
    this.#version++;
  }

  /** Lists the renditions of the newest encoder run. */
  variants(): RecordedVariant[] {
    const run = this.#listed.at(-1)?.run;
    const ids = new Set(this.files.filter((file) => file.run === run).map(({ rendition }) => rendition));
    return [...ids].flatMap((id) => {
      const stored = this.#listed.flatMap(({ renditions }) => renditions.get(id) ?? []);
      const file = stored.at(-1)?.file;
      const segments = new Map(stored.map(({ segment }) => [segment.msn, segment]));
      return file ? [variantOf(id, [{ file, segments }])] : [];
    });
  }

  /** As `PositionIndex`, for all playlists. */
  positionOf(dateMs: number): number {
    if (this.#positions?.version !== this.#version) {
      const dated = this.#listed.map(({ startMs, durationS }) => ({ programDateTimeMs: startMs, durationS }));
      this.#positions = { version: this.#version, index: new PositionIndex(dated) };
    }
    return this.#positions.index.positionOf(dateMs);
  }

  /** Lists the segments of a rendition; another one takes its place where it has none. */
  segments(rendition: string): VodSegment[] | undefined {
    const own = this.files.findLast((file) => file.rendition === rendition);
    if (!own) return undefined;
    return this.#listed.map(({ run, msn, durationS, startMs, renditions }) => {
      const stored = renditions.get(rendition) ?? nearest(own, renditions);
      return {
        rendition: stored?.file.rendition ?? rendition,
        ...{ run, msn },
        durationS: stored?.segment.durationS ?? durationS,
        programDateTimeMs: stored?.segment.programDateTimeMs ?? startMs,
        gap: stored === undefined,
      };
    });
  }

  init(rendition: string, run: number): FilePart | undefined {
    const file = this.files.findLast((one) => one.rendition === rendition && one.run === run);
    return file && partOf(file, 0, file.initBytes);
  }

  segment(rendition: string, msn: number): FilePart | undefined {
    // Numbers increase with msn.
    let [low, high] = [0, this.#listed.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#listed[middle]!.msn < msn) low = middle + 1;
      else high = middle;
    }
    const found = this.#listed[low];
    const stored = found?.msn === msn ? found.renditions.get(rendition) : undefined;
    return stored && partOf(stored.file, stored.segment.byteOffset, stored.segment.byteLength);
  }

  /** Returns the next position if it is certain what it holds. */
  #certain(ended: boolean): Position | undefined {
    const last = this.#listed.at(-1);
    const number = last ? last.number + 1 : Math.min(...this.#next.keys());
    const position = this.#next.get(number);
    if (!position) {
      const found = Math.min(...this.#next.keys());
      const isLost = ended || this.#newest >= number + LATE_SEGMENTS;
      return isLost && last && Number.isFinite(found) ? this.#missing(last, found) : undefined;
    }
    if (ended || this.#newest >= number + LATE_SEGMENTS) return position;
    // The files of a run are known when its second segment is.
    if (last?.run !== position.run && this.#newest === number) return undefined;
    const ofRun = this.files.filter(({ run }) => run === position.run);
    // Of several files of a rendition, which parts of the window have, one has the segment.
    return ofRun.every(({ rendition }) => position.renditions.has(rendition)) ? position : undefined;
  }

  /** Fills one place of a hole, or skips a long one. */
  #missing(last: Position, found: number): Position {
    const next = this.#next.get(found)!;
    const missing = found - last.number - 1;
    if (missing > MAXIMUM_GAPS) return next;
    const endMs = last.startMs + last.durationS * 1000;
    const holeS = (next.startMs - endMs) / 1000 / missing;
    const durationS = next.run === last.run && holeS > 0 ? Math.min(holeS, this.#longestS) : UNKNOWN_S;
    return {
      ...{ number: last.number + 1, msn: next.msn - missing, run: next.run },
      ...{ startMs: endMs, durationS, renditions: new Map() },
    };
  }

  #list(position: Position): void {
    const last = this.#listed.at(-1);
    if (last) {
      const holeS = (position.startMs - last.startMs) / 1000 - last.durationS;
      const isFollowing = position.number === last.number + 1;
      if (!isFollowing || (position.run === last.run && holeS > MAXIMUM_HOLE_S)) this.#listed = [];
    }
    for (const { segment } of position.renditions.values())
      this.#longestS = Math.max(this.#longestS, segment.durationS);
    this.#listed.push(position);
  }
}

function nearest(own: RewindFile, renditions: ReadonlyMap<string, Stored>): Stored | undefined {
  const distance = ({ file }: Stored): number => Math.abs((file.height ?? 0) - (own.height ?? 0));
  let best: Stored | undefined;
  for (const stored of renditions.values())
    if (stored.file.kind === own.kind && (!best || distance(stored) < distance(best))) best = stored;
  return best;
}

function partOf(
  { recordingId, rendition, run, kind }: RewindFile,
  byteOffset: number,
  byteLength: number,
): FilePart {
  return { recordingId, rendition, run, kind, byteOffset, byteLength };
}

function keyOf({ recordingId, number }: Pick<RewindFile, 'recordingId' | 'number'>): string {
  return `${recordingId}/${number}`;
}
