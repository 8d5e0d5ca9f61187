import type { SourceFault } from '../../webrtc/index.js';

/** Faults of a source of which nothing can be played: it is refused. */
const REFUSALS: Partial<Record<SourceFault, string>> = {
  'no-media':
    'Neither video nor audio has come for 25 seconds: choose a camera, a screen or a microphone in your streaming software, and start again.',
  'no-playable-video':
    'No keyframe has come for 25 seconds, although the server has asked for one: set a keyframe interval of 2 seconds in your streaming software, or choose another video encoder.',
};

/** Faults of a source of which something can be played. */
const NOTICES: Partial<Record<SourceFault, string>> = {
  'video-missing':
    'No video comes, although your streaming software has announced it: choose a camera or a screen.',
  'video-stopped': 'The video has stopped: check the camera or the screen that you share.',
  'audio-missing':
    'No audio comes, although your streaming software has announced it: choose a microphone, or switch it on.',
  'audio-stopped': 'The audio has stopped: check the microphone.',
  'no-keyframe':
    'No keyframe has come for 25 seconds, although the server asks for one: viewers who join wait for the picture. Set a keyframe interval of 2 seconds in your streaming software.',
};

/** Topics of the notices. */
export const SOURCE_TOPICS = ['source-video', 'source-audio', 'source-keyframes'] as const;

/** Message of a fault that ends the publication. */
export function refusalOf(faults: readonly SourceFault[]): string | undefined {
  for (const fault of faults) if (REFUSALS[fault] !== undefined) return REFUSALS[fault];
  return undefined;
}

/** Message about a topic. */
export function noticeOf(
  topic: (typeof SOURCE_TOPICS)[number],
  faults: readonly SourceFault[],
): string | undefined {
  const fault = faults.find((one) => topicOf(one) === topic);
  return fault && NOTICES[fault];
}

function topicOf(fault: SourceFault): (typeof SOURCE_TOPICS)[number] {
  if (fault === 'no-keyframe') return 'source-keyframes';
  return fault.startsWith('video') ? 'source-video' : 'source-audio';
}
