import type { FlvTag, SourceInfo } from '../../media/index.js';
import { GopBuffer } from '../inputs/gop-buffer.js';
import { KeyframeWatch } from '../inputs/keyframe-watch.js';

/** Maximum wait for an unknown frame size or announced audio, ms of media. */
const PATIENCE_MS = 500;

/** Bounds of the duration of a picture and of its reordering, ms. */
const PICTURE_MS = { min: 1, max: 1_000, unknown: 33 } as const;
/** Offset of the composition time in tags that are not enhanced (Flash Video File Format 10.1, annex E.4.3.1). */
const COMPOSITION_TIME_OFFSET = 2;
const AVC_DATA_OFFSET = 5;
const ENHANCED_FLAG = 0x80;

type Kinds = { audio: boolean; video: boolean };

/** Timeline of an FLV source: what is known of it, and the tags with which an encoder joins. */
export class SourceTimeline {
  /** Tags since the last keyframe. */
  readonly gop = new GopBuffer();
  readonly keyframes = new KeyframeWatch();
  /** Nothing of this timeline was encoded: the encoder joins at its start. */
  isFresh = false;
  #picture: { timestampMs: number; endMs: number; durationMs: number } | undefined;
  #begun: { startedAt: number; has: Kinds } | undefined;

  /** As announced, `startedAt`: Unix ms at which timestamps are 0. A new object for each timeline; undefined before. */
  get begun(): { startedAt: number; has: Kinds } | undefined {
    return this.#begun;
  }

  restart(startedAt: number, has: Kinds): void {
    this.gop.reset(has.video);
    this.keyframes.reset();
    this.#begun = { startedAt, has };
    this.isFresh = true;
    this.#picture = undefined;
  }

  /** Adds a tag. @returns true for a configuration that is unchanged */
  push(tag: FlvTag): boolean {
    const isKnown = tag.header && this.gop.knows(tag);
    this.gop.push(tag);
    if (tag.kind === 'video' && !tag.header) {
      this.keyframes.picture(tag.timestamp, tag.keyframe);
      this.#notePicture(tag);
    }
    return isKnown;
  }

  /** Time at which the presentation of the pictures so far ends, ms; undefined before the first. */
  get pictureEndMs(): number | undefined {
    return this.#picture?.endMs;
  }

  /** Whether enough is known for a ladder, and an encoder can join. */
  isReady({ video }: SourceInfo): boolean {
    const { age, span, seen, videoHeader } = this.gop;
    if (!this.#begun || age === undefined) return false;
    if (this.isFresh && span < PATIENCE_MS) {
      const isSized = !seen.video || (video?.width !== undefined && video.height !== undefined);
      const isHeard = seen.audio || !this.#begun.has.audio;
      if (!isSized || !isHeard || (seen.video && !videoHeader)) return false;
    }
    return true;
  }

  /** Unix ms of the newest tag, by the source's clock. */
  get newestMs(): number {
    return (this.#begun?.startedAt ?? 0) + this.gop.newest;
  }

  #notePicture({ timestamp, body }: FlvTag): void {
    const last = this.#picture;
    const stepMs = last ? timestamp - last.timestampMs : PICTURE_MS.unknown;
    // A longer step is a pause.
    const durationMs =
      stepMs < PICTURE_MS.min || stepMs > PICTURE_MS.max ? (last?.durationMs ?? PICTURE_MS.unknown) : stepMs;
    const endMs = timestamp + reorderingMs(body) + durationMs;
    this.#picture = { timestampMs: timestamp, endMs: Math.max(endMs, last?.endMs ?? 0), durationMs };
  }
}

/** Time from decoding to presentation of a picture, ms. */
export function reorderingMs(body: Buffer): number {
  if (body.length < AVC_DATA_OFFSET || (body[0]! & ENHANCED_FLAG) !== 0) return 0;
  return Math.min(Math.max(body.readIntBE(COMPOSITION_TIME_OFFSET, 3), 0), PICTURE_MS.max);
}
