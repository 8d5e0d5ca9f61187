import type { RtpSource } from '../../streams/index.js';
import type { TranscodeSettings } from '../transcode-settings.js';
import type { LiveInput } from './encoder-input.js';
import { MatroskaInput } from './matroska-input.js';
import { RtpInput } from './rtp-input.js';
import type { RtpVideoCodec } from './rtp-session.js';

export type LiveInputRequest = {
  source: RtpSource;
  has: { video?: RtpVideoCodec; audio: boolean };
  /** Frame rate of all renditions. */
  frameRate: number;
  /** Size of black video for a source without video. */
  blank?: { width: number; height: number };
};

/** Opens the SFU's output in the format that ffmpeg reads. @throws what the source throws */
export async function openLiveInput(
  { source, has, frameRate, blank }: LiveInputRequest,
  { av1Decoder, portPairs, clock }: Pick<TranscodeSettings, 'av1Decoder' | 'portPairs' | 'clock'>,
): Promise<LiveInput> {
  const { video, audio } = has;
  if (video !== 'av1')
    return RtpInput.open({
      ...{ source, frameRate, clock, pairs: portPairs },
      has: { ...(video ? { video } : {}), audio },
      ...(blank ? { blank } : {}),
    });
  if (av1Decoder === undefined) throw new Error('this ffmpeg does not decode AV1');
  return MatroskaInput.open({ source, audio, frameRate, decoder: av1Decoder, clock });
}
