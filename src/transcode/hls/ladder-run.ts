import type { FlvTag } from '../../media/index.js';
import { messageOf } from '../../platform/index.js';
import type { EncoderRunWriter } from '../../streams/index.js';
import { CopiedTracks } from './copied-tracks.js';
import type { EncoderOutput } from './encoder.js';
import type { Ladder } from './ladder.js';

export type LadderRunOptions = {
  ladder: Ladder;
  videoHeader: FlvTag | undefined;
  audioHeader: FlvTag | undefined;
  /** Of the source, frames/s. */
  frameRate: number | undefined;
  /** Added to tag timestamps to give media time, ms. */
  offset: number;
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

  /** Writes a tag to the copied renditions. @throws when a reader of the run refuses it */
  write(tag: FlvTag): void {
    if (!this.#closed) this.#copied?.write(tag);
  }

  /** Returns the output of the next encoder, which makes the renditions of `ladder`. */
  output(ladder: Ladder): EncoderOutput {
    const ids = ladder.video.map(({ id }) => id);
    if (ladder.audio) ids.push(ladder.audio.id);
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
    this.#writer.close();
  }
}

/** Returns what ffmpeg makes of a ladder: all renditions that are neither copied nor shed. */
export function encodedPart(ladder: Ladder, shed: ReadonlySet<string>): Ladder {
  const video = ladder.video.filter(({ id, passthrough }) => !passthrough && !shed.has(id));
  return { ...ladder, video, audio: ladder.audio?.passthrough ? undefined : ladder.audio };
}
