import { CmafScanner, type Sample, type TrackInit, writeFragment } from '../../media/index.js';
import type { CompletedSegment } from '../../packager/index.js';
import { HeadendError } from '../../platform/index.js';
import { Movie, type ReadPart } from '../download/movie.js';
import { type PlannedSegment, plannedRuns, type Subsegment, timelineOf } from '../download/movie-plan.js';
import type { RecordingFile } from '../recording.js';
import type { FilePart, Replay } from '../replay/replay.js';
import { type ClipEncoder, ClipFailed } from './clip.js';
import type { ClipWriter } from './clip-writer.js';

export type ExactCutOptions = {
  /** Whole segments that contain the clip. */
  replay: Replay;
  /** Rendition of its video, or of its audio if it has no video. */
  rendition: string;
  read: ReadPart;
  encode: ClipEncoder;
  writer: ClipWriter;
  /** Wanted dates of the media, Unix ms. */
  startMs: number;
  endMs: number;
  signal: AbortSignal;
};

/** Sample at its time in the movie. */
type TimedSample = { sample: Sample; timeS: number };

/** Dates have whole milliseconds: a frame that is this much earlier belongs to its date, s. */
const ROUNDING_S = 0.0006;
/** Duration of a segment without video, s. */
const AUDIO_SEGMENT_S = 2;
/** Deviation of a sample from the end of the one before it that begins another fragment, s. */
const JITTER_S = 0.005;

/**
 * Cuts a clip so that its first frame is the first one at the wanted start, and its last one the last before the wanted end.
 * Video is encoded; audio frames are copied.
 */
export class ExactCut {
  readonly #options: ExactCutOptions;
  readonly #subsegments: readonly Subsegment[];
  readonly #frameRate: number | undefined;
  /** Time of the first frame in the movie, and the wanted end, s. */
  #startS = 0;
  #endS = 0;
  #audioInit: TrackInit | undefined;
  #audio: TimedSample[] = [];
  #number = 0;

  constructor(options: ExactCutOptions) {
    this.#options = options;
    const { replay, rendition } = options;
    this.#subsegments = timelineOf(plannedRuns(replay.files, rendition)).subsegments;
    const first = this.#pieces('video')[0];
    this.#frameRate = first?.file.frameRate ?? undefined;
  }

  /** @throws ClipFailed `format-changed`, `media-gone`, `encoder-failed`, and as `ClipWriter.write` */
  async run(): Promise<void> {
    const { replay, rendition, read, encode, signal } = this.#options;
    const movie = await Movie.open(replay, rendition, undefined, read).catch((error: unknown) => {
      if ((error as { code?: string }).code !== 'recording_format_changed') throw error;
      throw new ClipFailed('format-changed', { cause: error });
    });
    await this.#findRange();
    await this.#readAudio();
    if (this.#pieces('video').length === 0) {
      const endS = (this.#audio.at(-1)?.timeS ?? 0) - this.#startS;
      for (let atS = 0; atS <= endS; atS += AUDIO_SEGMENT_S) await this.#write([], atS, AUDIO_SEGMENT_S);
      return;
    }
    const range = { startS: this.#startS, endS: this.#endS };
    const video = new VideoGroups((...group) => this.#writeGroup(...group));
    try {
      await encode(movie.bytes(0, movie.sizeBytes - 1), range, (bytes) => video.write(bytes), signal);
    } catch (error) {
      if (video.failure !== undefined) throw video.failure;
      signal.throwIfAborted();
      throw new ClipFailed('encoder-failed', { cause: error });
    }
    await video.end();
    if (this.#number === 0) throw new ClipFailed('media-gone');
  }

  /** Finds the first frame at the wanted start, and the wanted end, in the time of the movie. */
  async #findRange(): Promise<void> {
    const { startMs, endMs } = this.#options;
    const kind = this.#pieces('video').length > 0 ? 'video' : 'audio';
    const pieces = this.#pieces(kind);
    const [first, last] = [pieces[0], pieces.at(-1)];
    if (!first || !last) throw new ClipFailed('media-gone');
    const beginning = await this.#samplesOf(first);
    const wantedS = positionOf(first, beginning, startMs);
    const later = beginning.samples
      .map(presentationTime(beginning.init))
      .filter((timeS) => timeS >= wantedS - ROUNDING_S);
    this.#startS = later.length > 0 ? Math.min(...later) : wantedS;
    const ending = await this.#samplesOf(last);
    const lastEndMs = last.segment.programDateTimeMs + last.segment.durationS * 1_000;
    this.#endS = positionOf(last, ending, Math.min(endMs, lastEndMs));
    if (this.#endS <= this.#startS) throw new ClipFailed('media-gone');
  }

  /** Keeps the audio frames whose middle is within the clip: three minutes have some megabytes. */
  async #readAudio(): Promise<void> {
    for (const piece of this.#pieces('audio')) {
      const { init, samples } = await this.#samplesOf(piece);
      this.#audioInit ??= init;
      for (const { sample, timeS } of samples) {
        const middleS = timeS + sample.duration / init.timescale / 2;
        // A copy, so that the rest of the segment is not kept.
        if (middleS >= this.#startS && middleS < this.#endS)
          this.#audio.push({ sample: { ...sample, data: Buffer.from(sample.data) }, timeS });
      }
    }
  }

  async #writeGroup(init: TrackInit, samples: readonly Sample[], endTicks: number): Promise<void> {
    const decodeTime = samples[0]!.decodeTime;
    const atS = decodeTime / init.timescale;
    const durationS = (endTicks - decodeTime) / init.timescale;
    const fragment = writeFragment({
      trackId: init.trackId,
      sequence: this.#number + 1,
      decodeTime,
      samples,
    });
    await this.#write([{ renditionId: 'video', init, parts: [fragment] }], atS, durationS);
  }

  /** Writes a segment of the video with the audio frames that begin within it. */
  async #write(
    video: readonly Pick<CompletedSegment, 'renditionId' | 'init' | 'parts'>[],
    atS: number,
    durationS: number,
  ): Promise<void> {
    const endS = this.#startS + atS + durationS;
    const count = this.#audio.findIndex(({ timeS }) => timeS >= endS);
    const frames = this.#audio.splice(0, count < 0 ? this.#audio.length : count);
    const init = this.#audioInit;
    const audio =
      init && frames.length > 0
        ? [{ renditionId: 'audio', init, parts: this.#audioFragments(init, frames) }]
        : [];
    const tracks = [...video, ...audio];
    if (tracks.length === 0) return;
    const number = this.#number++;
    const programDateTimeMs = this.#dateOf(this.#startS + atS);
    await this.#options.writer.write(
      tracks.map((track) => ({
        ...track,
        ...{ run: 0, msn: number, slate: undefined, programDateTimeMs, durationS },
        frameRate: track.renditionId === 'video' ? this.#frameRate : undefined,
        sizeBytes: track.parts.reduce((sum, { length }) => sum + length, 0),
      })),
    );
  }

  #audioFragments({ trackId, timescale }: TrackInit, frames: readonly TimedSample[]): Buffer[] {
    const groups: TimedSample[][] = [];
    let expectedS = Number.NaN;
    for (const frame of frames) {
      const group = groups.at(-1);
      if (group && Math.abs(frame.timeS - expectedS) <= JITTER_S) group.push(frame);
      else groups.push([frame]);
      expectedS = frame.timeS + frame.sample.duration / timescale;
    }
    return groups.map((group) =>
      writeFragment({
        ...{ trackId, sequence: this.#number + 1, samples: group.map(({ sample }) => sample) },
        decodeTime: Math.max(0, Math.round((group[0]!.timeS - this.#startS) * timescale)),
      }),
    );
  }

  /** Returns the date of a time in the movie, Unix ms. */
  #dateOf(timeS: number): number {
    const kind = this.#pieces('video').length > 0 ? 'video' : 'audio';
    const pieces = this.#pieces(kind);
    const piece = pieces.findLast((one) => startOf(one) <= timeS + ROUNDING_S) ?? pieces[0]!;
    return piece.segment.programDateTimeMs + Math.max(0, timeS - startOf(piece)) * 1_000;
  }

  #pieces(kind: RecordingFile['kind']): PlannedSegment[] {
    return this.#subsegments.flatMap(({ segments }) => segments.filter(({ file }) => file.kind === kind));
  }

  async #samplesOf({
    file,
    segment,
    shiftS,
  }: PlannedSegment): Promise<{ init: TrackInit; samples: TimedSample[] }> {
    const init = await this.#bytes(file, 0, file.initBytes);
    const bytes = await this.#bytes(file, segment.byteOffset, segment.byteLength);
    let found: TrackInit | undefined;
    const samples: TimedSample[] = [];
    const scanner = new CmafScanner({
      init: (read) => {
        found = read;
      },
      sample: (sample) => {
        samples.push({ sample, timeS: sample.decodeTime / found!.timescale + shiftS });
      },
    });
    scanner.write(init);
    scanner.write(bytes);
    if (!found || samples.length === 0)
      throw new HeadendError('recording_damaged', 'A segment without samples.');
    return { init: found, samples };
  }

  async #bytes(
    { rendition, run, kind }: RecordingFile,
    byteOffset: number,
    byteLength: number,
  ): Promise<Buffer> {
    const { replay, read } = this.#options;
    const part: FilePart = { recordingId: replay.recordingId, rendition, run, kind, byteOffset, byteLength };
    return Buffer.concat(await (await read(part)).toArray());
  }
}

function startOf({ segment, shiftS }: PlannedSegment): number {
  return segment.decodeTimeS + shiftS;
}

function presentationTime({ timescale }: TrackInit): (timed: TimedSample) => number {
  return ({ sample, timeS }) => timeS + sample.compositionOffset / timescale;
}

/** Returns the time in the movie of a date: that of a segment is the time of its first presented frame. */
function positionOf(
  { segment }: PlannedSegment,
  { init, samples }: { init: TrackInit; samples: readonly TimedSample[] },
  dateMs: number,
): number {
  const firstS = Math.min(...samples.map(presentationTime(init)));
  return firstS + Math.max(0, dateMs - segment.programDateTimeMs) / 1_000;
}

/** Divides encoded video into groups that begin with a keyframe. */
class VideoGroups {
  /** Error of a group that could not be written. */
  failure: unknown;
  readonly #write: (init: TrackInit, samples: readonly Sample[], endTicks: number) => Promise<void>;
  readonly #scanner: CmafScanner;
  #init: TrackInit | undefined;
  #group: Sample[] = [];
  #complete: { samples: Sample[]; endTicks: number }[] = [];
  /** Groups are written one after another: the rest of an encoder that has exited comes at once. */
  #writing: Promise<void> = Promise.resolve();

  constructor(write: (init: TrackInit, samples: readonly Sample[], endTicks: number) => Promise<void>) {
    this.#write = write;
    this.#scanner = new CmafScanner({
      init: (init) => {
        this.#init = init;
      },
      sample: (sample) => {
        if (sample.sync && this.#group.length > 0) {
          this.#complete.push({ samples: this.#group, endTicks: sample.decodeTime });
          this.#group = [];
        }
        this.#group.push(sample);
      },
    });
  }

  /** Scans further bytes. @returns a promise while groups are written */
  write(bytes: Buffer): Promise<void> | undefined {
    try {
      this.#scanner.write(bytes);
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.#complete.length === 0) return undefined;
    this.#writing = this.#writing.then(() => this.#flush());
    return this.#writing;
  }

  /** Writes the last group. */
  async end(): Promise<void> {
    const last = this.#group.at(-1);
    if (last) this.#complete.push({ samples: this.#group, endTicks: last.decodeTime + last.duration });
    await this.#writing;
    await this.#flush();
  }

  async #flush(): Promise<void> {
    try {
      for (const { samples, endTicks } of this.#complete.splice(0))
        await this.#write(this.#init!, samples, endTicks);
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }
}
