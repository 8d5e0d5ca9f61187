import { readVp8FrameKind, readVp9FrameKind } from '../vpx-frame-header.js';
import { setFrameType } from './tag-header.js';
import type { VideoNormaliser, VideoPacket, VideoSink } from './video-normaliser.js';

/** Headers of configuration tags: a sequence start with a FourCC (Enhanced RTMP v2). */
const CONFIGURATION_HEADS = {
  vp8: Buffer.from('\x90vp08', 'latin1'),
  vp9: Buffer.from('\x90vp09', 'latin1'),
} as const;
const HEAD_BYTES = 5;
const FRAME_KINDS = { vp8: readVp8FrameKind, vp9: readVp9FrameKind } as const;

/** Makes access units of VP8, whose tags are frames, or VP9, whose tags are frames or superframes. */
export class VpxNormaliser implements VideoNormaliser {
  readonly settled = true;
  readonly #codec: 'vp8' | 'vp9';
  readonly #sink: VideoSink;
  #record: Buffer | undefined;
  dropped = 0;

  constructor(codec: 'vp8' | 'vp9', sink: VideoSink) {
    this.#codec = codec;
    this.#sink = sink;
  }

  configure({ body, dataOffset }: VideoPacket): void {
    this.#configureWith(body, dataOffset);
  }

  push({ body, dataOffset, compositionTime }: VideoPacket, time: number): void {
    const kind = FRAME_KINDS[this.#codec](body.subarray(dataOffset));
    if (kind === undefined) {
      this.dropped++;
      return;
    }
    // A decoder needs no configuration, and not every encoder sends one.
    if (!this.#record) this.#configureWith(CONFIGURATION_HEADS[this.#codec], HEAD_BYTES);
    const keyframe = kind === 'key';
    setFrameType(body, keyframe);
    const flags = { keyframe, recoveryPoint: undefined, skippable: false };
    this.#sink.frame({ time, compositionTime, ...flags, body, dataOffset });
  }

  flush(): void {}

  #configureWith(body: Buffer, dataOffset: number): void {
    const record = body.subarray(dataOffset);
    if (this.#record?.equals(record)) return;
    this.#record = record;
    this.#sink.configuration(body, dataOffset);
  }
}
