import { FlvInput, type FlvInputOptions } from '../inputs/flv-input.js';
import type { TranscodeSettings } from '../transcode-settings.js';
import { Encoder, type EncoderOptions } from './encoder.js';
import type { Ladder } from './ladder.js';

export type FlvEncoderOptions = Pick<EncoderOptions, 'encoder' | 'from'> & {
  /** Renditions to be encoded. */
  ladder: Ladder;
  info: FlvInputOptions['info'];
  /** Added to tag timestamps to give media time, ms. */
  offset: number;
  /** Called when the input's backlog is full. */
  onFull(): void;
  settings: TranscodeSettings;
};

/** Starts an encoder that reads FLV tags. */
export function startFlvEncoder(options: FlvEncoderOptions): { encoder: Encoder; input: FlvInput } {
  const { ladder, info, offset, onFull, settings, encoder, from } = options;
  const { ffmpeg, segmentDurationS, maxPixels, listener, av1Decoder, clock } = settings;
  const has = { audio: ladder.audio !== undefined, video: ladder.video.length > 0 };
  const input = new FlvInput({ has, offset, info, av1Decoder, onFull, clock });
  const limits = { ffmpeg, encoder, segmentDurationS, maxPixels };
  return { encoder: new Encoder({ ladder, input, ...limits, listener, from, clock }), input };
}
