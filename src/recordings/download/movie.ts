import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import {
  changeFragment,
  DESCRIPTION_INDEX_SIZE,
  MAXIMUM_REFERENCES,
  parameterSets,
  parseTrackInit,
  sampleDescription,
  type TrackInit,
  writeMovieInit,
  writeSegmentIndex,
} from '../../media/index.js';
import { PublicError } from '../../platform/index.js';
import type { FilePart, Replay } from '../replay/replay.js';
import { changeFragments } from './fragment-stream.js';
import {
  type MovieTimeline,
  type PlannedRun,
  type PlannedSegment,
  partsOf,
  plannedRuns,
  timelineOf,
} from './movie-plan.js';

/** Reads bytes of a file of the recording. @throws if the file is gone */
export type ReadPart = (part: FilePart) => Promise<Readable>;

/** Version of the format, for the entity tag: to be raised when this code writes other bytes for the same recording. */
const FORMAT = 1;
const NOTHING = Buffer.alloc(0);

/** Track of the movie, numbered from 1. */
type Track = {
  trackId: number;
  /**
   * Sample descriptions. If there are several, each segment begins with its parameter sets too: ffmpeg and the browsers built on
   * it read only the first description of a fragmented movie.
   */
  inits: TrackInit[];
  /** By file number. */
  files: Map<number, { description: number; timescale: number; added: Buffer }>;
};

/** Segment at its position in the movie. */
type Piece = PlannedSegment & { track: Track; byteOffset: number; sizeBytes: number; sequence: number };

/**
 * A recording as one MP4 file: a fragmented movie with one video and one audio track, and an index of its segments for
 * players. The bytes follow from the rows of the recording alone, so that any range of them can be made again.
 */
export class Movie {
  readonly sizeBytes: number;
  /** Strong entity tag (RFC 9110, 8.8.1). */
  readonly etag: string;
  readonly #recordingId: string;
  readonly #head: Buffer;
  readonly #pieces: readonly Piece[];
  readonly #read: ReadPart;

  private constructor(recordingId: string, head: Buffer, pieces: readonly Piece[], read: ReadPart) {
    this.#recordingId = recordingId;
    this.#head = head;
    this.#pieces = pieces;
    this.#read = read;
    const last = pieces.at(-1);
    this.sizeBytes = last ? last.byteOffset + last.sizeBytes : head.length;
    const hash = createHash('sha256').update(`${FORMAT} ${recordingId} `).update(head);
    for (const { file, segment, byteOffset } of pieces)
      hash.update(`${file.number} ${segment.msn} ${byteOffset};`);
    this.etag = `"${hash.digest('base64url').slice(0, 27)}"`;
  }

  /**
   * Lays a movie out.
   *
   * @param rendition id of the video rendition, or of the audio rendition of a recording without video
   * @param part of a recording whose format changes, from 1
   * @throws PublicError 409 `recording_format_changed` when there are several parts and none is chosen, 404
   */
  static async open(
    replay: Replay,
    rendition: string,
    part: number | undefined,
    read: ReadPart,
  ): Promise<Movie> {
    const { recordingId, files } = replay;
    const planned = plannedRuns(files, rendition);
    const inits = await readInits(recordingId, planned, read);
    const runs = choosePart(partsOf(planned, inits), part);
    const timeline = timelineOf(runs);
    const tracks = tracksOf(runs, inits);
    const pieces = placePieces(timeline, tracks);
    const head = writeHead(timeline, tracks, pieces);
    for (const piece of pieces) piece.byteOffset += head.length;
    return new Movie(recordingId, head, pieces, read);
  }

  /** Reads bytes, both positions inclusive. @throws when a file of the recording is gone or damaged */
  async *bytes(first: number, last: number): AsyncGenerator<Buffer> {
    if (first < this.#head.length) yield this.#head.subarray(first, last + 1);
    for (let index = this.#firstPiece(first); index < this.#pieces.length; index++) {
      const piece = this.#pieces[index]!;
      if (piece.byteOffset > last) return;
      let at = piece.byteOffset;
      for await (const chunk of this.#pieceBytes(piece)) {
        const wanted = chunk.subarray(Math.max(0, first - at), Math.max(0, last + 1 - at));
        at += chunk.length;
        if (wanted.length > 0) yield wanted;
        if (at > last) return;
      }
    }
  }

  async *#pieceBytes({ file, segment, shiftS, track, sequence }: Piece): AsyncGenerator<Buffer> {
    const { rendition, run, kind } = file;
    const { byteOffset, byteLength } = segment;
    const input = await this.#read({
      ...{ recordingId: this.#recordingId, rendition, run, kind, byteOffset, byteLength },
    });
    const { trackId, inits } = track;
    const { description, timescale, added } = track.files.get(file.number)!;
    const hasSeveral = inits.length > 1;
    const timescales = { from: timescale, to: inits[0]!.timescale };
    const shift = Math.ceil(shiftS * timescales.to - 0.001);
    try {
      yield* changeFragments(input, (moof, index) => {
        const before = hasSeveral && index === 0 ? added : NOTHING;
        const changed = changeFragment(moof, {
          ...{ trackId, sequence: sequence + index, timescales, shift, addedBytes: before.length },
          description: hasSeveral ? description : undefined,
        });
        return { moof: changed, added: before };
      });
    } finally {
      input.destroy();
    }
  }

  /** Returns the index of the last piece that begins at or before a position; 0 if none does. */
  #firstPiece(position: number): number {
    let [low, high] = [0, this.#pieces.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#pieces[middle]!.byteOffset <= position) low = middle;
      else high = middle;
    }
    return low;
  }
}

/** Reads the initialization sections of all files that are played. @returns them by file number */
async function readInits(
  recordingId: string,
  runs: readonly PlannedRun[],
  read: ReadPart,
): Promise<Map<number, TrackInit>> {
  const inits = new Map<number, TrackInit>();
  for (const { file } of runs.flatMap(({ files }) => files)) {
    const { rendition, run, kind, initBytes } = file;
    const input = await read({ recordingId, rendition, run, kind, byteOffset: 0, byteLength: initBytes });
    inits.set(file.number, parseTrackInit(Buffer.concat(await input.toArray())));
  }
  return inits;
}

/** Picks the runs of a part, counted from 1. @throws PublicError 404, or 409 when none is chosen of several */
function choosePart(parts: readonly PlannedRun[][], part: number | undefined): PlannedRun[] {
  const count = parts.length;
  if (part === undefined && count > 1)
    throw new PublicError(
      409,
      'recording_format_changed',
      `The format of sound or picture has changed within this recording, so that one MP4 file cannot hold it: download its ${count} parts with part=1 to part=${count}.`,
      { parts: count },
    );
  const chosen = parts[(part ?? 1) - 1];
  if (!chosen)
    throw new PublicError(404, 'rendition_not_found', `This recording has ${count} parts.`, { parts: count });
  return chosen;
}

/** Joins the files of one kind to a track. */
function tracksOf(runs: readonly PlannedRun[], inits: ReadonlyMap<number, TrackInit>): Map<string, Track> {
  const files = runs.flatMap((run) => run.files.map(({ file }) => file));
  const tracks = new Map<string, Track>();
  for (const kind of ['video', 'audio'] as const)
    for (const { number } of files.filter((file) => file.kind === kind)) {
      const track: Track = tracks.get(kind) ?? { trackId: tracks.size + 1, inits: [], files: new Map() };
      tracks.set(kind, track);
      const init = inits.get(number)!;
      const own = sampleDescription(init);
      // The descriptions of the audio of a part differ in details that decoders do not need.
      let index = track.inits.findIndex((other) => kind === 'audio' || sampleDescription(other).equals(own));
      if (index < 0) index = track.inits.push(init) - 1;
      const added = parameterSets(init)?.bytes ?? NOTHING;
      track.files.set(number, { description: index + 1, timescale: init.timescale, added });
    }
  return tracks;
}

/** Places the segments one after another, from position 0. */
function placePieces({ subsegments }: MovieTimeline, tracks: ReadonlyMap<string, Track>): Piece[] {
  const pieces: Piece[] = [];
  let byteOffset = 0;
  let sequence = 1;
  for (const { segments } of subsegments)
    for (const planned of segments) {
      const track = tracks.get(planned.file.kind)!;
      const { byteLength, fragments } = planned.segment;
      const { added } = track.files.get(planned.file.number)!;
      const growth = track.inits.length > 1 ? fragments * DESCRIPTION_INDEX_SIZE + added.length : 0;
      const sizeBytes = byteLength + growth;
      pieces.push({ ...planned, track, byteOffset, sizeBytes, sequence });
      byteOffset += sizeBytes;
      sequence += fragments;
    }
  return pieces;
}

/** Writes what precedes the segments: the movie box and the segment index. */
function writeHead(
  { subsegments, durationS }: MovieTimeline,
  tracks: ReadonlyMap<string, Track>,
  pieces: readonly Piece[],
): Buffer {
  const joined = [...tracks.values()];
  const reference = joined[0];
  const init = writeMovieInit(joined, durationS);
  const timescale = reference?.inits[0]?.timescale;
  if (!reference || timescale === undefined) return init;
  const step = Math.ceil(subsegments.length / MAXIMUM_REFERENCES);
  const references = [];
  let piece = 0;
  for (let index = 0; index < subsegments.length; index += step) {
    const group = subsegments.slice(index, index + step);
    const endS = subsegments[index + step]?.startS ?? durationS;
    let sizeBytes = 0;
    for (const { segments } of group) for (const _ of segments) sizeBytes += pieces[piece++]!.sizeBytes;
    const [from, to] = [group[0]!.startS, endS].map((seconds) => Math.round(seconds * timescale));
    references.push({ sizeBytes, duration: Math.max(0, to! - from!) });
  }
  return Buffer.concat([init, writeSegmentIndex(reference.trackId, timescale, references)]);
}
