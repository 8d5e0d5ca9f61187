import {
  CmafScanner,
  decoderConfiguration,
  readH264ParameterSets,
  type Sample,
  type TrackInit,
} from '../../media/index.js';
import type { EncoderRun, EncoderRunReader, Rendition } from '../../streams/index.js';
import { MAXIMUM_LINES } from './webrtc-rendition-plan.js';

/** Picture of an encoded rendition. */
export type EncodedPicture = {
  /** NAL units, each after its length in four bytes. */
  data: Buffer;
  /** Since the origin of the stream, ms. */
  timeMs: number;
  isKeyframe: boolean;
};

/** Output of one encoder. `originMs`: Unix ms of time 0. */
export type EncodedStream = { parameterSets: readonly Buffer[]; originMs: number };

export type EncodedPictureReader = {
  /** Called before the first picture, a keyframe or one that was encoded later. */
  begin(stream: EncodedStream): void;
  write(picture: EncodedPicture): void;
};

/** Passes on the pictures that the ladder's encoder makes of a source that is not copied. */
export class EncodedPictures {
  readonly #readers = new Set<EncodedPictureReader>();
  /** Of the newest encoder; undefined while there is none. */
  #stream: EncodedStream | undefined;

  /** Reads an encoder run. */
  follow(run: EncoderRun): void {
    const videos = run.renditions.filter(({ kind }) => kind === 'video');
    if (run.slate || videos.length === 0 || videos.some(({ passthrough }) => passthrough)) return;
    run.read(
      new RunPictures(videos, {
        begin: (parameterSets) => {
          const stream = { parameterSets, originMs: run.originMs };
          this.#stream = stream;
          for (const reader of this.#readers) reader.begin(stream);
        },
        write: (picture) => {
          for (const reader of this.#readers) reader.write(picture);
        },
        end: () => {
          this.#stream = undefined;
        },
      }),
    );
  }

  /** @returns ends the reading */
  read(reader: EncodedPictureReader): () => void {
    this.#readers.add(reader);
    if (this.#stream) reader.begin(this.#stream);
    return () => this.#readers.delete(reader);
  }
}

type RunPicturesHandlers = {
  begin(parameterSets: readonly Buffer[]): void;
  write(picture: EncodedPicture): void;
  end(): void;
};

/** Reads the largest rendition of a run that WebRTC viewers get; when that ends, the next one. */
class RunPictures implements EncoderRunReader {
  readonly #handlers: RunPicturesHandlers;
  #videos: Rendition[];
  #scanner: CmafScanner | undefined;
  #init: TrackInit | undefined;

  constructor(videos: Rendition[], handlers: RunPicturesHandlers) {
    this.#videos = videos;
    this.#handlers = handlers;
  }

  write(renditionId: string, bytes: Buffer): void {
    if (renditionId !== this.#chosen?.id) return;
    // Another rendition has ended: this one is read from its next encoder on.
    if (!this.#scanner && bytes.toString('latin1', 4, 8) !== 'ftyp') return;
    this.#scanner ??= new CmafScanner({
      init: (init) => this.#begin(init),
      sample: (sample) => this.#picture(sample),
    });
    this.#scanner.write(bytes);
  }

  startCopy(): void {}

  sample(): void {}

  encoderEnded(renditionId: string): void {
    if (renditionId === this.#chosen?.id) this.#end();
  }

  renditionSuspended(renditionId: string): void {
    this.encoderEnded(renditionId);
  }

  renditionEnded(renditionId: string): void {
    this.encoderEnded(renditionId);
    this.#videos = this.#videos.filter(({ id }) => id !== renditionId);
  }

  close(): void {
    this.#end();
  }

  /** Renditions are listed largest first. */
  get #chosen(): Rendition | undefined {
    const fits = ({ expected }: Rendition): boolean =>
      expected?.kind === 'video' && Math.min(expected.width, expected.height) <= MAXIMUM_LINES;
    return this.#videos.find(fits) ?? this.#videos.at(-1);
  }

  #begin(init: TrackInit): void {
    const configuration = decoderConfiguration(init);
    this.#init = init;
    this.#handlers.begin((configuration && readH264ParameterSets(configuration)) ?? []);
  }

  #picture({ decodeTime, compositionOffset, sync, data }: Sample): void {
    if (!this.#init) return;
    const timeMs = ((decodeTime + compositionOffset) * 1_000) / this.#init.timescale;
    this.#handlers.write({ data, timeMs, isKeyframe: sync });
  }

  #end(): void {
    if (this.#init) this.#handlers.end();
    this.#scanner = undefined;
    this.#init = undefined;
  }
}
