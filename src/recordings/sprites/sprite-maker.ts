import { CmafScanner, type Sample, type TrackInit, writeFragment } from '../../media/index.js';
import type { CompletedSegment } from '../../packager/index.js';
import type { SpriteRenderer } from './sprite-renderer.js';

/** Interval of tiles, ms. */
export const TILE_INTERVAL_MS = 10_000;
/** Tiles of a sheet: a minute. The first sheets have fewer, so that a recording soon has some. */
const SHEET_TILES = 6;
/** Keyframes that wait for their sheet. A tile beyond is left out. */
const MAXIMUM_BYTES = 8 * 2 ** 20;
/** Sheets whose last keyframe becomes the poster: many broadcasts begin with black frames. */
const POSTER_SHEETS = 2;

export type SpriteSegment = Pick<
  CompletedSegment,
  'init' | 'run' | 'renditionId' | 'programDateTimeMs' | 'parts'
>;

type Chosen = { run: number; renditionId: string; pixels: number };

/** Takes keyframes from the segments of one recording, and has them rendered as sheets of tiles. */
export class SpriteMaker {
  readonly #recordingId: string;
  readonly #renderer: Pick<SpriteRenderer, 'add'>;
  #chosen: Chosen | undefined;
  #init: TrackInit | undefined;
  #tiles: { timeMs: number; media: Buffer }[] = [];
  #bytes = 0;
  #nextMs = Number.NEGATIVE_INFINITY;
  #sheets = 0;

  constructor(recordingId: string, renderer: Pick<SpriteRenderer, 'add'>) {
    this.#recordingId = recordingId;
    this.#renderer = renderer;
  }

  /** Whether a segment of this date (Unix ms) gets a tile. */
  isDue(programDateTimeMs: number): boolean {
    return programDateTimeMs >= this.#nextMs;
  }

  /** Takes the first keyframe of a segment if a tile is due, from the smallest video rendition. */
  add(segment: SpriteSegment): void {
    const { init, run, renditionId, programDateTimeMs } = segment;
    if (init.kind !== 'video') return;
    const pixels = init.width * init.height;
    if (this.#chosen?.run !== run || pixels < this.#chosen.pixels)
      this.#chosen = { run, renditionId, pixels };
    if (renditionId !== this.#chosen.renditionId || !this.isDue(programDateTimeMs)) return;
    const frame = firstSample(init, segment.parts[0]);
    if (!frame?.sync || this.#bytes + frame.data.length > MAXIMUM_BYTES) return;
    // One ffmpeg reads one initialization section.
    if (this.#init && !this.#init.data.equals(init.data)) this.flush();
    this.#init = init;
    const { trackId, timescale } = init;
    const index = this.#tiles.length;
    const sample = { ...frame, duration: timescale, compositionOffset: 0 };
    const media = writeFragment({
      trackId,
      sequence: index + 1,
      decodeTime: index * timescale,
      samples: [sample],
    });
    this.#tiles.push({ timeMs: programDateTimeMs, media });
    this.#bytes += media.length;
    this.#nextMs = programDateTimeMs + TILE_INTERVAL_MS;
    if (this.#tiles.length >= Math.min(this.#sheets + 1, SHEET_TILES)) this.flush();
  }

  /** Has the tiles rendered that there are. */
  flush(): void {
    const tiles = this.#tiles;
    if (!this.#init || tiles.length === 0) return;
    const last = tiles.at(-1)!;
    this.#renderer.add({
      recordingId: this.#recordingId,
      timesMs: tiles.map(({ timeMs }) => timeMs),
      media: [this.#init.data, ...tiles.map(({ media }) => media)],
      poster: this.#sheets < POSTER_SHEETS ? [this.#init.data, last.media] : undefined,
    });
    this.#sheets++;
    this.#tiles = [];
    this.#bytes = 0;
  }
}

function firstSample(init: TrackInit, part: Buffer | undefined): Sample | undefined {
  if (!part) return undefined;
  let first: Sample | undefined;
  const scanner = new CmafScanner({
    init: () => {},
    sample: (sample) => {
      first ??= sample;
    },
  });
  try {
    scanner.write(init.data);
    scanner.write(part);
  } catch {
    // Without this tile: the segment itself is recorded as it is.
    return undefined;
  }
  return first;
}
