import type { FlvTag } from '../../media/index.js';
import { messageOf } from '../../platform/index.js';
import type { Broadcast, EncoderRunWriter } from '../../streams/index.js';
import type { Slate, SlateRequest } from '../slate/slate.js';
import { SlateVideo } from '../slate/slate-tracks.js';
import { CopiedTracks, isCopyableAac } from './copied-tracks.js';
import type { EncoderOutput } from './encoder.js';
import { type Ladder, maySuspend } from './ladder.js';
import { reorderingMs } from './source-timeline.js';
import type { TimelineCoverage } from './timeline-coverage.js';

/** Overlap of a picture that returns with the slate for which it is not skipped, ms. */
const MAXIMUM_OVERLAP_MS = 100;

export type LadderRunOptions = {
  ladder: Ladder;
  videoHeader: FlvTag | undefined;
  audioHeader: FlvTag | undefined;
  /** Of the source, frames/s. */
  frameRate: number | undefined;
  /** Added to tag timestamps to give media time, ms. */
  offset: number;
  /** Slate in place of video, from `startMs` of the timeline on. The ladder has no video then. */
  slate?: { slate: Slate; request: SlateRequest; startMs: number } | undefined;
};

/**
 * One encoder run of an FLV publication. Copied renditions are written from its tags; encoded ones by encoders, which may
 * end and be replaced within the run, so that their failures do not reach the copied ones.
 */
export class LadderRun {
  readonly ladder: Ladder;
  readonly offset: number;
  /** The same for all encoders: it is in their initialization sections. */
  readonly frameRate: number | undefined;
  readonly #writer: EncoderRunWriter;
  readonly #copied: CopiedTracks | undefined;
  readonly #slate: SlateVideo | undefined;
  /** Ends of what encoders of this run have made, by rendition, ms of media. */
  readonly #ends = new Map<string, number>();
  /** Drops audio after the end of the video at the end of the run: the next run repeats it. */
  endsAtVideo = false;
  #closed = false;
  #isRefused = false;

  /** @throws when a configuration of a copied rendition cannot be read; the writer is then closed */
  constructor(writer: EncoderRunWriter, options: LadderRunOptions) {
    const { ladder, videoHeader, audioHeader, offset } = options;
    this.ladder = ladder;
    this.frameRate = options.frameRate;
    this.offset = offset;
    this.#writer = writer;
    const video = ladder.video.find(({ passthrough }) => passthrough);
    const audio = ladder.audio?.passthrough ? ladder.audio : undefined;
    try {
      if (video || audio)
        this.#copied = new CopiedTracks(writer, {
          video: video && videoHeader && { id: video.id, header: videoHeader },
          audio: audio && audioHeader && { id: audio.id, header: audioHeader },
          offset,
        });
      const { slate } = options;
      if (slate) {
        this.#slate = new SlateVideo(writer, slate.slate, slate.request, slate.startMs + offset);
        this.#copied?.beginAudio(slate.startMs);
      }
    } catch (error) {
      writer.close();
      throw error;
    }
  }

  get index(): number {
    return this.#writer.index;
  }

  /** A reader has refused the output of an encoder: the run cannot go on. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  get copiesVideo(): boolean {
    return this.ladder.video.some(({ passthrough }) => passthrough);
  }

  /** Shows a slate. */
  get isSlate(): boolean {
    return this.#slate !== undefined;
  }

  /** Time at which the written pictures of the slate end, ms of the timeline. */
  get slateEndMs(): number {
    return (this.#slate?.endMs ?? 0) - this.offset;
  }

  /** Writes the slate up to a time of the timeline, ms, and audio beside it. @throws when a reader of the run refuses it */
  advanceSlate(untilMs: number): void {
    if (this.#closed || !this.#slate) return;
    this.#slate.advance(untilMs + this.offset);
    this.#copied?.videoAdvanced(this.slateEndMs);
  }

  /**
   * Whether the picture returns with this tag: media that were late, and are shown as a slate already, are skipped.
   *
   * @param isEncoded the picture will be encoded, which can start at a recovery point
   */
  mayEndSlate(tag: FlvTag, isEncoded: boolean): boolean {
    const starts = tag.keyframe || (isEncoded && tag.recoveryPoint !== undefined);
    if (tag.kind !== 'video' || !starts) return false;
    return tag.timestamp + reorderingMs(tag.body) >= this.slateEndMs - MAXIMUM_OVERLAP_MS;
  }

  /** Whether a run with a slate may replace this one: it has a picture, and its audio can be copied. */
  maySlateReplace(audioHeader: FlvTag | undefined): boolean {
    if (this.isSlate || this.ladder.video.length === 0) return false;
    return !this.ladder.audio || isCopyableAac(audioHeader);
  }

  /** Ends the slate at the picture that returns, with its presentation. @throws as `advanceSlate` */
  finishSlate(tag: FlvTag): void {
    if (!this.#closed) this.#slate?.finish(tag.timestamp + reorderingMs(tag.body) + this.offset);
  }

  /** Writes a tag to the copied renditions. @throws when a reader of the run refuses it */
  write(tag: FlvTag): void {
    if (!this.#closed) this.#copied?.write(tag);
  }

  /** Returns the output of the next encoder, which makes the renditions of `ladder`. */
  output(ladder: Ladder): EncoderOutput {
    const ids = idsOf(ladder);
    return {
      write: (id, bytes) => {
        try {
          this.#writer.write(id, bytes);
        } catch (error) {
          this.#isRefused = true;
          throw error;
        }
      },
      close: () => {
        if (!this.#closed) for (const id of ids) this.#writer.encoderEnded(id);
      },
    };
  }

  /** Records the output of an encoder that has ended. @param ends by rendition, ms of media */
  encodedUntil(ends: ReadonlyMap<string, number>): void {
    for (const [id, endMs] of ends) this.#ends.set(id, endMs);
  }

  /** Timestamp at which the output of all encoders ends; undefined without any. */
  get encodedMs(): number | undefined {
    return this.#ends.size > 0 ? Math.max(...this.#ends.values()) - this.offset : undefined;
  }

  /**
   * Returns the media times (ms) before which an encoder that joins would repeat earlier output, by rendition.
   *
   * @param first timestamp at which it joins
   */
  encodedBefore(
    ladder: Ladder,
    first: number | undefined,
    { covered }: Pick<TimelineCoverage, 'covered'>,
  ): Map<string, number> {
    const starts = new Map<string, number>();
    for (const id of idsOf(ladder)) {
      const endMs = this.#ends.get(id) ?? (covered === undefined ? undefined : covered + this.offset);
      if (endMs !== undefined && first !== undefined && endMs > first + this.offset) starts.set(id, endMs);
    }
    return starts;
  }

  /** Reports that no encoder makes these renditions until viewers request them. */
  suspend(encoded: Ladder): void {
    for (const id of idsOf(encoded)) this.#writer.renditionSuspended(id);
  }

  /** Ends renditions that are no longer encoded. */
  endRenditions(ids: Iterable<string>): void {
    for (const id of ids) this.#writer.renditionEnded(id);
  }

  /** Writes what is left of the copied renditions. @returns the error of a reader that refused it */
  endCopies(): string | undefined {
    try {
      this.#copied?.end();
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }

  /** Closes the run. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.endCopies();
    this.#closed = true;
    this.#writer.close(this.endsAtVideo);
  }
}

function idsOf({ video, audio }: Ladder): string[] {
  const ids = video.map(({ id }) => id);
  return audio ? [...ids, audio.id] : ids;
}

/** Returns the ladder without shed renditions. */
export function withoutShed(ladder: Ladder, shed: ReadonlySet<string>): Ladder {
  return { ...ladder, video: ladder.video.filter(({ id }) => !shed.has(id)) };
}

/** Returns what ffmpeg makes of a ladder: all renditions that are neither copied nor shed. */
export function encodedPart(ladder: Ladder, shed: ReadonlySet<string>): Ladder {
  const video = withoutShed(ladder, shed).video.filter(({ passthrough }) => !passthrough);
  return { ...ladder, video, audio: ladder.audio?.passthrough ? undefined : ladder.audio };
}

/**
 * Whether the renditions of a ladder must be encoded now: viewers have requested something within the last `idleMs`, or
 * the renditions cannot be suspended.
 *
 * @param idleMs undefined: never suspended
 */
export function isNeeded(
  ladder: Ladder,
  { hlsDemand }: Pick<Broadcast, 'hlsDemand'>,
  idleMs: number | undefined,
): boolean {
  return idleMs === undefined || !maySuspend(ladder) || hlsDemand.isWithin(idleMs);
}
