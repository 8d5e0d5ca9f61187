import os from 'node:os';
import {
  CmafScanner,
  decodedPixels,
  h264ConfigurationOf,
  type Sample,
  skippedPicture,
  type TrackInit,
} from '../../media/index.js';
import { type Clock, HeadendError, messageOf, runShortProcess } from '../../platform/index.js';
import type { FfmpegTool } from '../ffmpeg/ffmpeg-process.js';
import type { Slate, SlatePicture, SlateRequest, SlateTrack } from './slate.js';
import { slateArguments } from './slate-arguments.js';
import { type SlateSource, unreadable } from './slate-source.js';

export type SlateRendererOptions = {
  ffmpeg: FfmpegTool;
  source: SlateSource;
  /** Maximum pixels of a picture that is decoded. */
  maxPixels: number;
  clock: Clock;
};

/** Time after which ffmpeg is killed, ms: for one picture, and for a film. */
const TIMEOUT_MS = { picture: 5_000, film: 60_000 } as const;
/** Viewers wait for a picture, which costs little. */
const { PRIORITY_NORMAL, PRIORITY_BELOW_NORMAL } = os.constants.priority;
const PRIORITY = { picture: PRIORITY_NORMAL, film: PRIORITY_BELOW_NORMAL } as const;
const MAXIMUM_BYTES = 64 * 2 ** 20;
/** Processes at once, and requests that wait for one: the publishers of many broadcasts may be lost together. */
const MAXIMUM_PROCESSES = 2;
const MAXIMUM_WAITING = 64;
const CHECK_REQUEST: SlateRequest = {
  renditions: [{ id: 'check', width: 320, height: 180, bitrate: 500_000 }],
  ...{ picturesPerSegment: 60, segmentDurationS: 2, codec: 'h264', profile: 'high' },
};
/** File descriptor of the first output. */
const FIRST_OUTPUT = 3;
/** Renderings of a configured file that are kept: it is the same for all broadcasts of the same sizes. */
const KEPT_RENDERINGS = 4;
const IVF_HEADER_BYTES = 32;
const IVF_FRAME_HEADER_BYTES = 12;

/** Encodes slates, by a short ffmpeg. Of a still picture one keyframe is encoded, and repeated by skipped pictures. */
export class SlateRenderer {
  readonly #options: SlateRendererOptions;
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #kept = new Map<string, Promise<Slate>>();

  constructor(options: SlateRendererOptions) {
    this.#options = options;
  }

  /**
   * Renders a small slate of the configured file, to find faults at the start.
   *
   * @throws HeadendError `slate_unreadable` with a sentence for the operator
   */
  async check(): Promise<void> {
    const { file } = this.#options.source;
    if (!file) return;
    await this.#renderInTurn(CHECK_REQUEST, [], new AbortController().signal).catch((error: unknown) => {
      throw unreadable(file.path, messageOf(error));
    });
  }

  /** A file is shown: no picture of the broadcast is needed. */
  get hasFile(): boolean {
    return this.#options.source.file !== undefined;
  }

  /**
   * Renders a slate.
   *
   * @param picture MP4 that begins with a keyframe: the last picture of the broadcast. Ignored when a file is configured;
   *   without either the background is plain
   * @throws HeadendError `slate_failed`
   */
  async render(
    request: SlateRequest,
    picture: readonly Buffer[] | undefined,
    signal: AbortSignal,
  ): Promise<Slate> {
    if (!this.hasFile) return await this.#renderInTurn(request, picture, signal);
    const key = JSON.stringify(request);
    const known = this.#kept.get(key);
    // Others may wait for the same rendering: it goes on without this caller.
    const rendered = known ?? this.#renderInTurn(request, [], new AbortController().signal);
    this.#kept.delete(key);
    this.#kept.set(key, rendered);
    for (const oldest of [...this.#kept.keys()].slice(0, -KEPT_RENDERINGS)) this.#kept.delete(oldest);
    try {
      return await rendered;
    } catch (error) {
      if (this.#kept.get(key) === rendered) this.#kept.delete(key);
      throw error;
    }
  }

  async #renderInTurn(
    request: SlateRequest,
    picture: readonly Buffer[] | undefined,
    signal: AbortSignal,
  ): Promise<Slate> {
    if (this.#running >= MAXIMUM_PROCESSES) {
      if (this.#waiting.length >= MAXIMUM_WAITING)
        throw new HeadendError('slate_failed', 'too many slates are being rendered');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running++;
    try {
      return await this.#render(request, picture, signal);
    } catch (error) {
      throw new HeadendError('slate_failed', `the slate could not be rendered: ${messageOf(error)}`, {
        cause: error,
      });
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  async #render(
    request: SlateRequest,
    picture: readonly Buffer[] | undefined,
    signal: AbortSignal,
  ): Promise<Slate> {
    const { ffmpeg, source, maxPixels, clock } = this.#options;
    const outputs = request.renditions.map((_, index) => FIRST_OUTPUT + index);
    const encoded = await runShortProcess(ffmpeg, {
      args: slateArguments(request, source, {
        ...{ outputs, maxPixels: decodedPixels(maxPixels), hasPicture: picture !== undefined },
      }),
      input: picture ?? [],
      outputs,
      maxOutputBytes: MAXIMUM_BYTES,
      priority: PRIORITY[source.file?.isFilm ? 'film' : 'picture'],
      timeoutMs: source.file?.isFilm ? TIMEOUT_MS.film : TIMEOUT_MS.picture,
      signal,
      clock,
    });
    const tracks = new Map<string, SlateTrack>();
    for (const [index, { id }] of request.renditions.entries())
      tracks.set(id, readTrack(encoded[index]!, request, source.file?.isFilm ?? false));
    const lengths = new Set([...tracks.values()].map(({ pictures }) => pictures.length));
    if (lengths.size !== 1) throw new Error('the renditions have different lengths');
    return tracks;
  }
}

/** Reads what ffmpeg wrote of one rendition. @throws when it is not whole */
function readTrack(bytes: Buffer, { codec, picturesPerSegment }: SlateRequest, isFilm: boolean): SlateTrack {
  if (codec !== 'h264') {
    const frames = ivfFrames(bytes);
    const pictures = frames.map((data, index) => ({ data, sync: index % picturesPerSegment === 0 }));
    return { init: undefined, pictures: wholeSegments(pictures, picturesPerSegment) };
  }
  let init: TrackInit | undefined;
  const samples: Sample[] = [];
  const scanner = new CmafScanner({
    init: (read) => {
      init = read;
    },
    sample: (sample) => samples.push(sample),
  });
  scanner.write(bytes);
  if (!init || !samples[0]?.sync) throw new Error('ffmpeg wrote no keyframe');
  const pictures = isFilm
    ? wholeSegments(samples, picturesPerSegment)
    : repeatedKeyframe(init, samples[0].data, picturesPerSegment);
  return { init, pictures };
}

/** Splits an IVF file: a header of 32 bytes, and before each frame its length in four bytes and its time in eight. */
function ivfFrames(file: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = IVF_HEADER_BYTES; at + IVF_FRAME_HEADER_BYTES <= file.length; ) {
    const start = at + IVF_FRAME_HEADER_BYTES;
    at = start + file.readUInt32LE(at);
    if (at <= file.length) frames.push(file.subarray(start, at));
  }
  return frames;
}

function repeatedKeyframe(init: TrackInit, keyframe: Buffer, count: number): SlatePicture[] {
  const configuration = h264ConfigurationOf(init);
  const skipped = configuration && skippedPicture(configuration);
  if (!skipped) throw new Error('the encoder makes pictures that cannot be repeated');
  return Array.from({ length: count }, (_, index) =>
    index === 0 ? { data: keyframe, sync: true } : { data: skipped(index), sync: false },
  );
}

function wholeSegments(samples: readonly SlatePicture[], picturesPerSegment: number): SlatePicture[] {
  const length = Math.floor(samples.length / picturesPerSegment) * picturesPerSegment;
  if (length === 0) throw new Error('the film has too few pictures');
  const pictures = samples.slice(0, length).map(({ data, sync }) => ({ data, sync }));
  for (let index = 0; index < length; index += picturesPerSegment)
    if (!pictures[index]!.sync) throw new Error('the film has no keyframe at a segment');
  return pictures;
}
