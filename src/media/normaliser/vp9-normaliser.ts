import { readVp9FrameKind } from '../vp9-frame-header.js';
import { setFrameType } from './tag-header.js';
import type { VideoNormaliser, VideoPacket, VideoSink } from './video-normaliser.js';

/** Makes access units of VP9, whose tags are frames or superframes. */
export class Vp9Normaliser implements VideoNormaliser {
  readonly settled = true;
  readonly #sink: VideoSink;
  #record: Buffer | undefined;
  dropped = 0;

  constructor(sink: VideoSink) {
    this.#sink = sink;
  }

  configure({ body, dataOffset }: VideoPacket): void {
    const record = body.subarray(dataOffset);
    if (this.#record?.equals(record)) return;
    this.#record = record;
    this.#sink.configuration(body, dataOffset);
  }

  push({ body, dataOffset, compositionTime }: VideoPacket, time: number): void {
    const kind = readVp9FrameKind(body.subarray(dataOffset));
    if (kind === undefined) {
      this.dropped++;
      return;
    }
    const keyframe = kind === 'key';
    setFrameType(body, keyframe);
    const flags = { keyframe, recoveryPoint: undefined, skippable: false };
    this.#sink.frame({ time, compositionTime, ...flags, body, dataOffset });
  }

  flush(): void {}
}
