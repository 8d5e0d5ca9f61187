import { type FlvTag, type PictureSink, readFlvVideoTag, readH264ParameterSets } from '../../media/index.js';
import type { GopBuffer } from '../inputs/gop-buffer.js';

export type PassedVideoOptions = {
  sink: PictureSink;
  /** Decoder configuration. */
  header: FlvTag;
  /** Unix ms of timestamp 0. */
  originMs: number;
  /** Called when the first of several pictures was dropped. */
  onDrop(): void;
};

/** Passes H.264 of a publication to the SFU as it is. */
export class PassedVideo {
  readonly #sink: PictureSink;
  readonly #onDrop: () => void;
  /** Pictures were written, and none was dropped since. */
  #flowing = false;

  constructor({ sink, header, originMs, onDrop }: PassedVideoOptions) {
    this.#sink = sink;
    this.#onDrop = onDrop;
    const tag = readFlvVideoTag(header.body);
    const record = tag?.packet === 'configuration' ? header.body.subarray(tag.dataOffset) : undefined;
    sink.beginStream((record && readH264ParameterSets(record)) ?? [], originMs);
  }

  /** Writes the pictures since the last keyframe. */
  begin({ tags }: GopBuffer): void {
    for (const tag of tags) this.write(tag);
  }

  write(tag: FlvTag): void {
    if (tag.kind !== 'video' || tag.header) return;
    const read = readFlvVideoTag(tag.body);
    if (read?.packet !== 'frame') return;
    const { dataOffset: offset, compositionTime } = read;
    const written = this.#sink.writePicture({
      data: tag.body,
      offset,
      timeMs: tag.timestamp + compositionTime,
    });
    if (this.#flowing && !written) this.#onDrop();
    this.#flowing = written;
  }
}
