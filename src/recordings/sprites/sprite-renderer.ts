import type { Logger } from '../../platform/index.js';
import type { SpriteTable } from './sprite-table.js';

/** Renders pictures of a publisher in short-lived processes of the lowest priority. */
export type PictureRenderer = {
  /** Renders all frames of an MP4 as tiles in a row. @returns a JPEG */
  tiles(media: readonly Buffer[], count: number, signal: AbortSignal): Promise<Buffer>;
  /** Renders the first frame. @returns a JPEG */
  poster(media: readonly Buffer[], signal: AbortSignal): Promise<Buffer>;
};

/** Keyframes of a sheet: an initialization section and a fragment for each. */
export type SpriteJob = {
  recordingId: string;
  timesMs: readonly number[];
  media: readonly Buffer[];
  /** MP4 whose first frame becomes the poster. */
  poster: readonly Buffer[] | undefined;
};

export type SpriteRendererOptions = {
  pictures: PictureRenderer;
  table: SpriteTable;
  /** The machine is short: sheets are left out. */
  isShort(): boolean;
  log: Logger;
  signal: AbortSignal;
};

/** Jobs that wait. Beyond, the oldest is left out: previews get rarer, and nothing queues up. */
const MAXIMUM_JOBS = 64;
const MAXIMUM_BYTES = 32 * 2 ** 20;

/** Renders the sheets of all recordings, one at a time. */
export class SpriteRenderer {
  readonly #options: SpriteRendererOptions;
  #jobs: SpriteJob[] = [];
  #bytes = 0;
  #working: Promise<void> | undefined;
  /** Sheet that is being rendered. */
  #rendering: Promise<void> = Promise.resolve();

  constructor(options: SpriteRendererOptions) {
    this.#options = options;
  }

  /** Adds a sheet, without waiting. */
  add(job: SpriteJob): void {
    if (this.#options.signal.aborted) return;
    this.#jobs.push(job);
    this.#bytes += bytesOf(job);
    while (this.#jobs.length > MAXIMUM_JOBS || this.#bytes > MAXIMUM_BYTES) this.#next();
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
  }

  /** Renders a sheet after the one in progress, also while the machine is short. Never rejects. */
  async render(job: SpriteJob, signal: AbortSignal): Promise<void> {
    const both = AbortSignal.any([signal, this.#options.signal]);
    this.#rendering = this.#rendering.then(() => this.#render(job, both));
    await this.#rendering;
  }

  /** Resolves when no process is left, after the signal. */
  async close(): Promise<void> {
    await this.#working;
    await this.#rendering;
  }

  #next(): SpriteJob | undefined {
    const job = this.#jobs.shift();
    if (job) this.#bytes -= bytesOf(job);
    return job;
  }

  async #work(): Promise<void> {
    const { isShort, signal } = this.#options;
    for (let job = this.#next(); job && !signal.aborted; job = this.#next())
      if (!isShort()) await this.render(job, signal);
  }

  async #render({ recordingId, timesMs, media, poster }: SpriteJob, signal: AbortSignal): Promise<void> {
    const { pictures, table, log } = this.#options;
    if (signal.aborted) return;
    try {
      await table.append(recordingId, timesMs, await pictures.tiles(media, timesMs.length, signal));
      if (poster) await table.setPoster(recordingId, await pictures.poster(poster, signal));
    } catch (error) {
      log.debug({ err: error, recordingId }, 'previews of a recording could not be made');
    }
  }
}

function bytesOf({ media }: SpriteJob): number {
  return media.reduce((sum, { length }) => sum + length, 0);
}
