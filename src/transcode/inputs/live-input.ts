import type { RtpSource } from '../../streams/index.js';
import type { TranscodeSettings } from '../transcode-settings.js';
import type { LiveInput } from './encoder-input.js';
import { MatroskaInput } from './matroska-input.js';
import { RtpInput } from './rtp-input.js';
import type { RtpVideoCodec } from './rtp-session.js';

export type LiveInputRequest = {
  source: RtpSource;
  has: { video?: RtpVideoCodec; audio: boolean };
  /** Frames per second of everything that is made of it. */
  frameRate: number;
  /** Instead of video that is sent: a black picture. */
  blank?: { width: number; height: number };
};

/** Has the SFU send what it has of a publisher in the way in which ffmpeg reads it. @throws what the source throws */
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
