import type { PictureSink } from '../../media/index.js';
import type { EncodedPicture, EncodedPictures, EncodedStream } from './encoded-pictures.js';
import type { RenditionPause } from './rendition-pause.js';

export type EncodedVideoOptions = {
  pictures: EncodedPictures;
  sink: PictureSink;
  /** Shows the slate while the picture pauses. */
  pause: Pick<RenditionPause, 'isShown' | 'end'> | undefined;
};

/** Passes the pictures of the ladder's encoder to the SFU. */
export class EncodedVideo {
  readonly #options: EncodedVideoOptions;
  readonly #leave: () => void;
  #stream: EncodedStream | undefined;

  constructor(options: EncodedVideoOptions) {
    this.#options = options;
    this.#leave = options.pictures.read({
      begin: (stream) => {
        this.#stream = stream;
        if (!options.pause?.isShown) this.#begin();
      },
      write: (picture) => this.#write(picture),
    });
  }

  /** Idempotent. */
  close(): void {
    this.#leave();
  }

  #begin(): void {
    if (this.#stream) this.#options.sink.beginStream(this.#stream.parameterSets, this.#stream.originMs);
  }

  /** A slate is shown up to a keyframe, with which the pictures begin anew. */
  #write({ data, timeMs, isKeyframe }: EncodedPicture): void {
    const { pause, sink } = this.#options;
    if (pause?.isShown) {
      if (!isKeyframe) return;
      pause.end();
      this.#begin();
    }
    sink.writePicture({ data, timeMs, offset: 0 });
  }
}
