import type { FlvTag, SourceInfo } from '../../media/index.js';
import type { PassedVideoCodec } from '../../streams/index.js';
import { KEYFRAME_INTERVAL } from '../hls/ladder.js';
import { isPlainAv1 } from './av1-profile.js';
import { isPlainAvc } from './avc-profile.js';
import { isPlainHevc } from './hevc-profile.js';

/** Whether viewers that take a codec can play its video, by the decoder configuration. */
const IS_PLAIN = { h264: isPlainAvc, hevc: isPlainHevc, av1: isPlainAv1 };

/** Whether every viewer that takes a codec can play the video of a source as it is: no reordering, and regular keyframes. */
export function isPassableVideo(
  codec: PassedVideoCodec,
  video: SourceInfo['video'],
  header: FlvTag | undefined,
): boolean {
  if (video?.codec !== codec || (codec !== 'av1' && video.bFrames !== false)) return false;
  return IS_PLAIN[codec](header) && (video.keyframeInterval ?? 0) <= KEYFRAME_INTERVAL.most + 0.1;
}
