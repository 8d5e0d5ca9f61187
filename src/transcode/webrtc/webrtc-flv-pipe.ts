import type { Writable } from 'node:stream';
import type { FlvTag } from '../../media/index.js';
import type { Clock } from '../../platform/index.js';
import { frameRateTag } from '../inputs/flv-metadata.js';
import { FlvPipe } from '../inputs/flv-pipe.js';
import type { GopBuffer } from '../inputs/gop-buffer.js';
import { type FramedMedia, tagFraming } from '../inputs/tag-framing.js';

export type WebrtcFlvPipeOptions = {
  has: { audio: boolean; video: boolean };
  info: FramedMedia['info'];
  /** Added to tag timestamps to give media time, ms. */
  offset: number;
  /** Called when the backlog was dropped. @param reading ffmpeg has read since the last time */
  onDrop(reading: boolean): void;
  clock: Clock;
};

/** Assumed while the source's rate is unknown, frames/s. */
const DEFAULT_FRAME_RATE = 30;
/** Backlog that is dropped. */
const HIGH = { bytes: 8 * 1024 * 1024, ms: 1_000 };
const LOW = { bytes: 1024 * 1024, ms: 200 };
/** Time without reading after which ffmpeg hangs, ms. */
const HANGS_MS = 4_000;

/** Writes tags to ffmpeg in real time: above its backlog limit it drops tags until the next keyframe. */
export class WebrtcFlvPipe {
  readonly #options: WebrtcFlvPipeOptions;
  readonly #output: Writable | undefined;
  #pipe: FlvPipe | undefined;
  #dropping = false;
  /** Tags given to ffmpeg at the last drop. */
  #givenAtDrop = 0;
  #stuck: { given: number; since: number } | undefined;

  constructor(output: Writable | undefined, options: WebrtcFlvPipeOptions) {
    this.#options = options;
    this.#output = output;
  }

  /** Writes the configurations and the tags since the last keyframe. */
  begin({ tags, newest, videoHeader, audioHeader }: GopBuffer): void {
    if (!this.#output) return;
    const { has, info, offset } = this.#options;
    const frameRate = info.video?.frameRate ?? DEFAULT_FRAME_RATE;
    const framing = tagFraming({ has, info, frameRate, videoHeader, audioHeader });
    const pipe = new FlvPipe(this.#output, framing, {
      ...{ offset, high: HIGH, low: LOW },
      onFull: (full) => full && this.#dropBacklog(),
    });
    this.#pipe = pipe;
    const first = tags[0]?.timestamp ?? newest;
    const head: FlvTag[] = has.video ? [frameRateTag(frameRate, first)] : [];
    for (const header of [videoHeader, audioHeader]) if (header) head.push({ ...header, timestamp: first });
    const all = [...head, ...tags].filter((tag) => tag.kind === 'script' || has[tag.kind]);
    pipe.prime(all.length);
    for (const tag of all) pipe.write(tag);
  }

  write(tag: FlvTag): void {
    if (tag.kind === 'script' || !this.#options.has[tag.kind]) return;
    if (!this.#dropping) this.#pipe?.write(tag);
    else if (tag.keyframe || tag.recoveryPoint || !this.#options.has.video) {
      this.#dropping = false;
      this.#pipe?.write(tag);
    }
  }

  /** Ends the stream after the queued tags. */
  end(): void {
    this.#pipe?.end();
  }

  /** Releases the pipe of an ended ffmpeg. */
  close(): void {
    this.#pipe?.close();
  }

  /** Whether ffmpeg does not read waiting bytes. Must be polled. */
  get isHanging(): boolean {
    const { given, blocked } = this.#pipe ?? { given: 0, blocked: false };
    const now = this.#options.clock.monotonic();
    if (!blocked) this.#stuck = undefined;
    else if (this.#stuck?.given !== given) this.#stuck = { given, since: now };
    return this.#stuck !== undefined && now - this.#stuck.since > HANGS_MS;
  }

  #dropBacklog(): void {
    this.#dropping = true;
    this.#pipe?.drop();
    const given = this.#pipe?.given ?? 0;
    const reading = given > this.#givenAtDrop;
    this.#givenAtDrop = given;
    this.#options.onDrop(reading);
  }
}
