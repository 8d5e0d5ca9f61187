import type { Logger } from '../../platform/index.js';
import type { VideoEncoderSettings } from '../ffmpeg/video-encoder.js';
import type { EncoderEnd } from './encoder.js';

/** The video encoder of one broadcast: the one that was asked for, until it fails as only hardware does. */
export class EncoderChoice {
  #settings: VideoEncoderSettings;

  constructor(wanted: VideoEncoderSettings) {
    this.#settings = wanted;
  }

  get settings(): VideoEncoderSettings {
    return this.#settings;
  }

  /** An encoder failed: one that never put anything out was most likely refused by the hardware. */
  doubt(end: EncoderEnd, log: Logger): void {
    const { encoder } = this.#settings;
    if (end.delivered || encoder === 'software') return;
    this.#settings = { ...this.#settings, encoder: 'software' };
    log.warn({ encoder }, 'the hardware encoder failed: encoding in software');
  }
}
