import type { Readable } from 'node:stream';
import { BoundedCalls, type Clock, HeadendError, PublicError, TtlCache } from '../../platform/index.js';
import type { Archive } from '../archive/archive.js';
import { Movie } from '../download/movie.js';
import type { Recording } from '../recording.js';
import type { RecordingStore } from '../recording-store.js';
import type { RecordingTable } from '../recording-table.js';
import type { SegmentTable } from '../segment-table.js';
import { type FilePart, Replay } from './replay.js';

/** Segments in the indexes that are kept in memory, about 200 bytes each. */
const MAXIMUM_CACHED_SEGMENTS = 400_000;
/** Segments of one recording: about ten days of six renditions. Its playlists would be larger than players read. */
const MAXIMUM_SEGMENTS = 1_500_000;

/** Lifetime of a cached row, ms; changes made by this process invalidate it. */
const ROW_TTL_MS = 1_000;
const MAXIMUM_CACHED_ROWS = 2_000;
/** Bytes that are read ahead of a client: segments have some hundred kilobytes. */
const READ_AHEAD_BYTES = 256 * 1024;

/** A recording that can be played, or the recording of a clip. */
export type PlayableRecording = Recording & { streamId: string };

export type ReplaysOptions = {
  table: RecordingTable;
  segments: SegmentTable;
  store: RecordingStore;
  /** Undefined: no object store is configured. */
  archive: Pick<Archive, 'id' | 'read' | 'redirectOrigin' | 'signedUrl'> | undefined;
  clock: Clock;
};

type Entry = { replay: Promise<Replay>; segmentCount: number };

/** Finds recordings to play, and keeps the indexes of those that were played last. */
export class Replays {
  readonly #table: RecordingTable;
  readonly #segments: SegmentTable;
  readonly #store: RecordingStore;
  readonly #archive: ReplaysOptions['archive'];
  /** Bounds the time in which the database must answer viewers. */
  readonly #calls: BoundedCalls;
  readonly #rows: TtlCache<Recording | undefined>;
  /** By recording id; that used last is at the end. */
  readonly #cache = new Map<string, Entry>();
  /** By rendition and part. */
  readonly #movies = new WeakMap<Replay, Map<string, Promise<Movie>>>();

  constructor(options: ReplaysOptions) {
    const { clock } = options;
    this.#calls = new BoundedCalls({ clock });
    this.#rows = new TtlCache({ clock, ttlMs: ROW_TTL_MS, maxEntries: MAXIMUM_CACHED_ROWS });
    this.#table = options.table;
    this.#segments = options.segments;
    this.#store = options.store;
    this.#archive = options.archive;
  }

  /**
   * Finds a recording that is ready.
   *
   * @param recordingId must have the form of a UUID
   * @returns undefined when there is none
   * @throws PublicError 503 `recording_elsewhere` when its files are in the folder or object store of another gateway
   */
  async find(recordingId: string): Promise<PlayableRecording | undefined> {
    const recording = await this.#findReady(recordingId);
    return recording && recording.streamId !== null
      ? { ...recording, streamId: recording.streamId }
      : undefined;
  }

  /** Finds the media of an uploaded video that is ready; as `find`. */
  async findVideo(videoId: string): Promise<Recording | undefined> {
    const recording = await this.#findReady(videoId);
    return recording?.purpose === 'video' ? recording : undefined;
  }

  /** Returns the index of a recording that is ready. */
  async load(recordingId: string): Promise<Replay> {
    const known = this.#cache.get(recordingId);
    const entry = known ?? { replay: this.#read(recordingId), segmentCount: 0 };
    this.#cache.delete(recordingId);
    this.#cache.set(recordingId, entry);
    try {
      const replay = await entry.replay;
      entry.segmentCount = replay.segmentCount;
      this.#evict(recordingId);
      return replay;
    } catch (error) {
      this.#cache.delete(recordingId);
      throw error;
    }
  }

  /** Drops the cached row of a recording. */
  changed(recordingId: string): void {
    this.#rows.forget(recordingId);
  }

  /** Drops what is cached of a recording that is deleted. */
  forget(recordingId: string): void {
    this.#cache.delete(recordingId);
    this.#rows.forget(recordingId);
  }

  /**
   * Opens a part for reading, in the folder or else in the object store. The stream closes its file.
   *
   * @returns undefined when it was deleted
   * @throws PublicError 503 `recording_store_away`
   */
  async open(part: FilePart): Promise<Readable | undefined> {
    return (await this.#openLocal(part)) ?? (await this.#archive?.read(part));
  }

  /** Origin to which players of public recordings are sent; undefined: to none. */
  get redirectOrigin(): string | undefined {
    return this.#archive?.redirectOrigin;
  }

  /** Whether players of a recording that everybody may watch get its media from the object store. */
  isRedirected({ location }: Pick<Recording, 'location'>): boolean {
    return location === 'remote' && this.redirectOrigin !== undefined;
  }

  /** Returns a URL of a whole file in the object store, at which anybody can read it for a minute. */
  async signedUrl(part: FilePart): Promise<string> {
    if (!this.#archive) throw new HeadendError('no_object_store', 'No object store is configured.');
    return await this.#archive.signedUrl(part);
  }

  /**
   * Returns a recording as one MP4 file.
   *
   * @param rendition and `part`: as in `Movie.open`, which says the errors too
   */
  async movie(replay: Replay, rendition: string, part?: number): Promise<Movie> {
    const ofReplay = this.#movies.get(replay) ?? new Map<string, Promise<Movie>>();
    this.#movies.set(replay, ofReplay);
    const key = `${rendition} ${part ?? ''}`;
    const known = ofReplay.get(key);
    if (known) return await known;
    const movie = Movie.open(replay, rendition, part, async (place) => {
      const bytes = await this.open(place);
      if (!bytes) throw new HeadendError('recording_gone', 'The recording was deleted.');
      return bytes;
    });
    ofReplay.set(key, movie);
    movie.catch(() => ofReplay.delete(key));
    return await movie;
  }

  async #findReady(recordingId: string): Promise<Recording | undefined> {
    const recording = await this.#rows.get(recordingId, () =>
      this.#calls.run(() => this.#table.findPlayable(recordingId)),
    );
    const isKept = recording?.purpose === 'video' || (recording && recording.streamId !== null);
    if (!isKept || recording.state !== 'ready') return undefined;
    const { location, objectStore, storeId } = recording;
    const isHere = location === 'remote' ? objectStore === this.#archive?.id : storeId === this.#store.id;
    if (!isHere) throw new PublicError(503, 'recording_elsewhere', 'This recording is on another server.');
    return recording;
  }

  async #openLocal(part: FilePart): Promise<Readable | undefined> {
    const { recordingId, rendition, run, byteOffset, byteLength } = part;
    try {
      const handle = await this.#store.openFile(recordingId, rendition, run);
      return handle.createReadStream({
        start: byteOffset,
        end: byteOffset + byteLength - 1,
        highWaterMark: READ_AHEAD_BYTES,
      });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #read(recordingId: string): Promise<Replay> {
    const files = await this.#segments.listFiles(recordingId);
    return new Replay(recordingId, files, await this.#segments.listSegments(recordingId, MAXIMUM_SEGMENTS));
  }

  #evict(used: string): void {
    let total = 0;
    for (const { segmentCount } of this.#cache.values()) total += segmentCount;
    for (const [id, { segmentCount }] of this.#cache) {
      if (total <= MAXIMUM_CACHED_SEGMENTS) return;
      if (id === used) continue;
      this.#cache.delete(id);
      total -= segmentCount;
    }
  }
}
