import type { Logger } from '../../platform/index.js';
import type { VideoEncoderSettings } from '../ffmpeg/video-encoder.js';
import type { EncoderEnd } from './encoder.js';

/** Video encoder of one broadcast: the configured one, until hardware fails. */
export class EncoderChoice {
  #settings: VideoEncoderSettings;

  constructor(wanted: VideoEncoderSettings) {
    this.#settings = wanted;
  }

  get settings(): VideoEncoderSettings {
    return this.#settings;
  }

  /** Replaces hardware that ended without output, which it most likely refused. */
  doubt(end: EncoderEnd, log: Logger): void {
    const { encoder } = this.#settings;
    if (end.delivered || encoder === 'software') return;
    this.#settings = { ...this.#settings, encoder: 'software' };
    log.warn({ encoder }, 'the hardware encoder failed: encoding in software');
  }
}
