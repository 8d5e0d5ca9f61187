import { generateHLSManifest, renderVodMpd, renderVodPlaylist } from '../../packager/index.js';
import type { RecordedSegment, RecordingFile } from '../recording.js';
import { PositionIndex } from './position-index.js';
import {
  type IndexedFile,
  type ReplayRendition,
  replayPeriods,
  replayRenditions,
} from './replay-timeline.js';

/** Bytes of a file of a recording, which never change. */
export type FilePart = {
  recordingId: string;
  rendition: string;
  run: number;
  kind: 'video' | 'audio';
  byteOffset: number;
  byteLength: number;
};

/** Playlists of a recording that has ended, and the places of its segments. */
export class Replay {
  readonly recordingId: string;
  readonly files: readonly IndexedFile[];
  /** For the limit of the cache. */
  readonly segmentCount: number;
  readonly #renditions: ReplayRendition[];
  readonly #multivariant: string;
  readonly #positions: PositionIndex;
  /** Media playlists and descriptions, rendered without a token. */
  readonly #playlists = new Map<string, Buffer>();

  constructor(recordingId: string, files: readonly RecordingFile[], segments: readonly RecordedSegment[]) {
    this.recordingId = recordingId;
    this.segmentCount = segments.length;
    const byNumber = new Map(files.map((file) => [file.number, new Map<number, RecordedSegment>()]));
    for (const segment of segments) byNumber.get(segment.fileNumber)?.set(segment.msn, segment);
    this.files = files.map((file) => ({ file, segments: byNumber.get(file.number) ?? new Map() }));
    this.#renditions = replayRenditions(this.files);
    this.#positions = new PositionIndex(this.#renditions[0]?.segments ?? []);
    this.#multivariant = generateHLSManifest(
      recordingId,
      this.#renditions.map(({ variant }) => variant),
    );
  }

  get renditions(): readonly ReplayRendition[] {
    return this.#renditions;
  }

  /** @param token viewer token, which needs no escaping, for the URIs of media playlists */
  multivariantPlaylist(token?: string): Buffer {
    const text = this.#multivariant;
    return Buffer.from(token === undefined ? text : text.replaceAll('/index.m3u8', `/index.m3u8?v=${token}`));
  }

  /**
   * @param token as above, for the URIs of media
   * @param form as in `renderVodPlaylist`
   * @returns undefined for an unknown rendition
   */
  mediaPlaylist(
    renditionId: string,
    token?: string,
    form: 'segments' | 'ranges' = 'segments',
  ): Buffer | undefined {
    const found = this.#renditions.find(({ variant }) => variant.id === renditionId);
    if (!found) return undefined;
    return this.#rendered(`${renditionId} ${form}`, token, (suffix) =>
      renderVodPlaylist(renditionId, found.segments, suffix, form),
    );
  }

  /** Returns the DASH presentation description; parameters as above. */
  description(token?: string, form: 'segments' | 'ranges' = 'segments'): Buffer {
    return this.#rendered(`MPD ${form}`, token, (suffix) =>
      renderVodMpd({ periods: replayPeriods(this.files), originMs: this.#originMs() }, suffix, form),
    );
  }

  /** As `PositionIndex`, for all playlists. */
  positionOf(dateMs: number): number {
    return this.#positions.positionOf(dateMs);
  }

  /** Duration of the playlists, s. */
  get durationS(): number {
    return this.#positions.durationS;
  }

  /** As `PositionIndex`, for all playlists. */
  dateOf(positionS: number): number {
    return this.#positions.dateOf(positionS);
  }

  init(rendition: string, run: number): FilePart | undefined {
    const found = this.files.find(({ file }) => file.rendition === rendition && file.run === run);
    return found && this.#part(found.file, 0, found.file.initBytes);
  }

  /** Returns the whole file of a rendition in a run. */
  wholeFile(rendition: string, run: number): FilePart | undefined {
    const found = this.files.find(({ file }) => file.rendition === rendition && file.run === run);
    if (!found) return undefined;
    let endBytes = found.file.initBytes;
    for (const { byteOffset, byteLength } of found.segments.values())
      endBytes = Math.max(endBytes, byteOffset + byteLength);
    return this.#part(found.file, 0, endBytes);
  }

  segment(rendition: string, msn: number): FilePart | undefined {
    for (const { file, segments } of this.files) {
      if (file.rendition !== rendition) continue;
      const segment = segments.get(msn);
      if (segment) return this.#part(file, segment.byteOffset, segment.byteLength);
    }
    return undefined;
  }

  /** Returns what `render` makes of the suffix of all URIs, rendered once where there is no token. */
  #rendered(key: string, token: string | undefined, render: (suffix: string) => string): Buffer {
    if (token !== undefined) return Buffer.from(render(`?v=${encodeURIComponent(token)}`));
    const rendered = this.#playlists.get(key) ?? Buffer.from(render(''));
    this.#playlists.set(key, rendered);
    return rendered;
  }

  /** Date of media time 0, Unix ms: that of the first sample in presentation order is at most a frame delay later. */
  #originMs(): number {
    let originMs = Number.POSITIVE_INFINITY;
    for (const { segments } of this.files)
      for (const { programDateTimeMs, decodeTimeS } of segments.values())
        originMs = Math.min(originMs, programDateTimeMs - decodeTimeS * 1_000);
    return originMs;
  }

  #part({ rendition, run, kind }: RecordingFile, byteOffset: number, byteLength: number): FilePart {
    return { recordingId: this.recordingId, rendition, run, kind, byteOffset, byteLength };
  }
}
