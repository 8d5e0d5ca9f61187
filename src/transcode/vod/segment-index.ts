import { Transform, type TransformCallback } from 'node:stream';
import { CmafScanner, type Sample, type TrackInit, writeFragment } from '../../media/index.js';
import { TIMELINE_START_MS } from '../ffmpeg/ffmpeg-arguments.js';
import { VOD_SEGMENT_S } from './vod-arguments.js';

/** Segment of a file, which lies behind the one before it. Times in seconds. */
export type VodFileSegment = {
  byteLength: number;
  /** Movie fragments in it. */
  fragments: number;
  durationS: number;
  decodeTimeS: number;
};

/** File of a rendition: an initialization section, then segments without a gap. */
export type VodFile = {
  rendition: string;
  init: TrackInit;
  frameRate: number | undefined;
  segments: VodFileSegment[];
};

/** Shorter segments at the end are not found by some players, s. */
const MINIMUM_SEGMENT_S = 1;

type Fragment = { byteLength: number; decodeTimeS: number; durationS: number };

/**
 * Passes the fragments of an encoder on as those of recordings are, which downloads can change, and indexes them: of video each
 * fragment is a segment, of audio several are.
 */
export class SegmentIndex extends Transform {
  readonly #scanner: CmafScanner;
  readonly #whenOpen: () => Promise<void> | undefined;
  readonly #fragments: Fragment[] = [];
  #init: TrackInit | undefined;
  #bytes = 0;
  /** Samples of the fragment that is being read. */
  #samples: Sample[] = [];

  /** @param whenOpen returns a promise while nothing may be taken, which holds the encoder up */
  constructor(whenOpen: () => Promise<void> | undefined) {
    super();
    this.#whenOpen = whenOpen;
    this.#scanner = new CmafScanner({
      init: (init) => {
        this.#init = init;
        this.#pass(init.data);
      },
      sample: (sample) => {
        this.#samples.push(sample);
      },
      fragment: () => this.#endFragment(),
    });
  }

  /** Bytes passed on so far. */
  get byteLength(): number {
    return this.#bytes;
  }

  override _transform(bytes: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const pass = (): void => {
      try {
        this.#scanner.write(bytes);
        done();
      } catch (error) {
        done(error as Error);
      }
    };
    const opened = this.#whenOpen();
    if (opened) void opened.then(pass);
    else pass();
  }

  /**
   * Returns the file of video, with a segment per fragment; a short last one belongs to the one before.
   *
   * @returns undefined without media
   */
  video(rendition: string, frameRate: number | undefined): VodFile | undefined {
    const count = this.#fragments.length;
    const isShort = count > 1 && this.#fragments.at(-1)!.durationS < MINIMUM_SEGMENT_S;
    return this.#file(rendition, frameRate, (_, index) => Math.min(index, count - (isShort ? 2 : 1)));
  }

  /** Returns the file of audio beside video, with the same number of segments, up to the end of the video. */
  audio(rendition: string, { segments }: VodFile): VodFile | undefined {
    const { decodeTimeS, durationS } = segments.at(-1)!;
    const kept = this.#fragments.findIndex((one) => one.decodeTimeS >= decodeTimeS + durationS);
    if (kept >= 0) this.#fragments.splice(kept);
    return this.#file(rendition, undefined, (fragment) => {
      const number = Math.floor((fragment.decodeTimeS - TIMELINE_START_MS / 1_000) / VOD_SEGMENT_S);
      return Math.min(Math.max(0, number), segments.length - 1);
    });
  }

  #file(
    rendition: string,
    frameRate: number | undefined,
    numberOf: (fragment: Fragment, index: number) => number,
  ): VodFile | undefined {
    if (!this.#init || this.#fragments.length === 0) return undefined;
    const segments: VodFileSegment[] = [];
    for (const [index, fragment] of this.#fragments.entries()) {
      const last = segments.at(-1);
      if (last && numberOf(fragment, index) < segments.length) {
        last.byteLength += fragment.byteLength;
        last.durationS += fragment.durationS;
        last.fragments++;
      } else segments.push({ ...fragment, fragments: 1 });
    }
    return { rendition, init: this.#init, frameRate, segments };
  }

  #endFragment(): void {
    const samples = this.#samples;
    const [first] = samples;
    if (!first) return;
    const { trackId, timescale } = this.#init!;
    const { decodeTime } = first;
    const sequence = this.#fragments.length + 1;
    const bytes = writeFragment({ trackId, sequence, decodeTime, samples });
    let ticks = 0;
    for (const { duration } of samples) ticks += duration;
    const [decodeTimeS, durationS] = [decodeTime / timescale, ticks / timescale];
    this.#fragments.push({ byteLength: bytes.length, decodeTimeS, durationS });
    this.#samples = [];
    this.#pass(bytes);
  }

  #pass(bytes: Buffer): void {
    this.#bytes += bytes.length;
    this.push(bytes);
  }
}
