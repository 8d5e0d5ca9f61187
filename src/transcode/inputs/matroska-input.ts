import type { Writable } from 'node:stream';
import type { Clock } from '../../platform/index.js';
import type { RtpSource } from '../../streams/index.js';
import { type InputFormat, TIMELINE_START_MS } from '../ffmpeg/ffmpeg-arguments.js';
import { RenditionFlow } from '../hls/rendition-flow.js';
import type { LiveInput, MediaKind } from './encoder-input.js';

export type MatroskaInputOptions = {
  source: Pick<RtpSource, 'sendMatroska'>;
  audio: boolean;
  /** Frame rate of all renditions. */
  frameRate: number;
  /** Name of ffmpeg's video decoder. */
  decoder: string;
  clock: Clock;
};

/**
 * Opens the SFU's live Matroska output, for codecs that ffmpeg cannot read as RTP. ffmpeg connects to it; its end is
 * the end of the stream.
 */
export class MatroskaInput implements LiveInput {
  readonly format: InputFormat;
  readonly #begun: number;
  readonly #flow: RenditionFlow;
  readonly #sending: { close(): void };

  /** @throws what the source throws */
  static async open(options: MatroskaInputOptions): Promise<MatroskaInput> {
    const { source, audio, clock } = options;
    const begun = clock.now();
    const sending = await source.sendMatroska({ zero: begun - TIMELINE_START_MS, audio });
    return new MatroskaInput(options, begun, sending);
  }

  private constructor(
    { frameRate, decoder, clock }: MatroskaInputOptions,
    begun: number,
    sending: { path: string; close(): void },
  ) {
    this.format = { kind: 'matroska', frameRate, decoder, path: sending.path };
    this.#begun = begun;
    this.#flow = new RenditionFlow(clock);
    this.#sending = sending;
  }

  /** ffmpeg reads nothing from standard input. */
  attach(output: Writable): void {
    output.end();
  }

  async startSource(): Promise<number> {
    this.#flow.begin();
    return this.#begun;
  }

  end(): void {
    this.#sending.close();
  }

  close(): void {
    this.#sending.close();
  }

  outputReceived(kind: MediaKind): void {
    this.#flow.outputReceived(kind);
  }

  lag(kind: MediaKind, position: number): number {
    return this.#flow.lag(kind, position);
  }

  get quiet(): number {
    return this.#flow.quiet;
  }

  get stalled(): boolean {
    return this.#flow.stalled;
  }
}
