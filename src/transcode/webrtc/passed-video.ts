import {
  type FlvTag,
  isKeyFrame,
  type PictureSink,
  readFlvVideoTag,
  readH264ParameterSets,
  readHevcParameterSets,
} from '../../media/index.js';
import type { PassedVideoCodec } from '../../streams/index.js';
import type { GopBuffer } from '../inputs/gop-buffer.js';
import { av1SequenceHeaderObu } from './av1-profile.js';

export type PassedVideoOptions = {
  codec: PassedVideoCodec;
  sink: PictureSink;
  /** Decoder configuration. */
  header: FlvTag;
  /** Unix ms of timestamp 0. */
  originMs: number;
  /** Called when the first of several pictures was dropped. */
  onDrop(): void;
};

/** Passes video of a publication to the SFU as it is. */
export class PassedVideo {
  readonly #sink: PictureSink;
  readonly #onDrop: () => void;
  /** Sequence header of AV1, for keyframes that have none. */
  readonly #sequenceHeader: Buffer | undefined;
  /** Pictures were written, and none was dropped since. */
  #flowing = false;

  constructor({ codec, sink, header, originMs, onDrop }: PassedVideoOptions) {
    this.#sink = sink;
    this.#onDrop = onDrop;
    if (codec === 'av1') this.#sequenceHeader = av1SequenceHeaderObu(header);
    const tag = readFlvVideoTag(header.body);
    const record = tag?.packet === 'configuration' ? header.body.subarray(tag.dataOffset) : undefined;
    sink.beginStream((record && readParameterSets(codec, record)) ?? [], originMs);
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
    const timeMs = tag.timestamp + compositionTime;
    const head = this.#sequenceHeader;
    const isBare = head && tag.keyframe && !isKeyFrame('av1', tag.body, offset);
    const written = this.#sink.writePicture(
      isBare
        ? { data: Buffer.concat([head, tag.body.subarray(offset)]), offset: 0, timeMs }
        : { data: tag.body, offset, timeMs },
    );
    if (this.#flowing && !written) this.#onDrop();
    this.#flowing = written;
  }
}

function readParameterSets(codec: PassedVideoCodec, record: Buffer): readonly Buffer[] | undefined {
  if (codec === 'h264') return readH264ParameterSets(record);
  return codec === 'hevc' ? readHevcParameterSets(record) : [];
}
