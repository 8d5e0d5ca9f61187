import type { SourceInfo } from '../../media/index.js';
import type { LivestreamLadder } from '../../streams/index.js';
import type { GopBuffer } from '../inputs/gop-buffer.js';
import { isPlainAvc } from '../webrtc/avc-profile.js';
import { isCopyableAac, isCopyableAvc } from './copied-tracks.js';
import { chooseLadder, type Ladder, type Rung } from './ladder.js';

export type FlvLadderOptions = {
  rungs: readonly Rung[] | 'off';
  /** The livestream's own ladder, in place of `rungs`. */
  ownRungs: LivestreamLadder | undefined;
  /** Bits per second of the stereo rendition. */
  audioBitrateBps: number;
  /** The source's video must be encoded. */
  encodeSource: boolean;
  /** Renditions removed to reduce load. */
  shed: ReadonlySet<string>;
};

/** Chooses the ladder of an FLV publication from the tags so far: only what arrived is offered. */
export function chooseFlvLadder(
  { video, audio }: Pick<SourceInfo, 'video' | 'audio'>,
  { seen, videoHeader, audioHeader }: Pick<GopBuffer, 'seen' | 'videoHeader' | 'audioHeader'>,
  { encodeSource, ...settings }: FlvLadderOptions,
): Ladder {
  const audioSource = audio ?? { codec: 'aac' };
  return chooseLadder({
    ...settings,
    video: seen.video ? (video ?? { codec: 'h264' }) : undefined,
    audio: seen.audio ? audioSource : undefined,
    passthrough: !encodeSource && isPlainAvc(videoHeader) && isCopyableAvc(videoHeader),
    audioPassthrough: audioSource.codec === 'aac' && isCopyableAac(audioHeader),
  });
}
