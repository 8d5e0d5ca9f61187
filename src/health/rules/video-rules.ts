import { KEPT_INTERVALS, type SourceCounters, type VideoCodec } from '../../media/index.js';
import { type HealthWindow, isRtp, medianOf, type Rule, seconds, sumOf } from './rule.js';

/** Interval above which viewers wait long, and the video is not passed through, ms: 4 s and rounding. */
const FAR_APART_MS = 4_100;
/** Share by which an interval may differ from the median, and intervals that may differ more: scene cuts. */
const INTERVAL_DEVIATION = 0.25;
const TOLERATED_INTERVALS = 1;
const MINIMUM_INTERVALS = 4;

/** Window in which dropped pictures are counted, s; fewer are no fault. */
const DROPPED_WITHIN_S = 30;
const MINIMUM_DROPPED = 5;
const DROPPED_SHARE = 0.01;

/** Time for which a picture must not change, s. */
const FROZEN_S = 10;
const MINIMUM_PICTURES = 5;
/** Bytes of a picture that repeats the one before: a floor, and more per pixel. */
const REPEATED_BYTES = 64;
const REPEATED_BYTES_PER_PIXEL = 0.0001;
const UNKNOWN_PIXELS = 1280 * 720;

/** Time without pictures after which they are missing, s. */
const MISSING_S = 10;
const IRREGULAR_S = 10;
const SIZES_WITHIN_S = 60;

/** Profiles of H.264 that are 4:2:0 with 8 bits, which every browser plays: Baseline, Main, High. */
const PLAIN_PROFILES = [66, 77, 100];
const CODEC_NAMES: Record<VideoCodec, string> = {
  h264: 'H.264',
  hevc: 'HEVC',
  av1: 'AV1',
  vp9: 'VP9',
  vp8: 'VP8',
};

const KEYFRAMES_CURE =
  'Set a keyframe interval of 2 s in your streaming software (OBS: Settings > Output > Advanced).';

export const VIDEO_RULES: readonly Rule[] = [
  {
    code: 'keyframes-far-apart',
    severity: 'warning',
    cure: KEYFRAMES_CURE,
    find(window) {
      if (isRtp(window)) return undefined;
      const { counters } = window;
      const longestMs = Math.max(counters.sinceKeyframeMs, ...intervalsOf(counters).slice(-2));
      if (longestMs <= FAR_APART_MS) return undefined;
      return `Keyframes are ${seconds(longestMs)} apart: viewers wait for the first picture, and the server has to encode the best quality again.`;
    },
  },
  {
    code: 'keyframes-irregular',
    severity: 'warning',
    cure: `${KEYFRAMES_CURE} Switch off scene detection for keyframes (x264: scenecut=0).`,
    find(window) {
      if (isRtp(window)) return undefined;
      const intervals = intervalsOf(window.counters);
      const usual = medianOf(intervals);
      if (usual === undefined || intervals.length < MINIMUM_INTERVALS) return undefined;
      if (Math.max(...intervals) > FAR_APART_MS) return undefined;
      const others = intervals.filter((ms) => Math.abs(ms - usual) > usual * INTERVAL_DEVIATION);
      if (others.length <= TOLERATED_INTERVALS) return undefined;
      return `Keyframes come at irregular intervals, of ${seconds(Math.min(...intervals))} to ${seconds(Math.max(...intervals))}: the server has to encode the best quality again.`;
    },
  },
  {
    code: 'pictures-dropped',
    severity: 'warning',
    cure: 'Lower the bitrate if the upload is too small for it; lower the resolution or the frame rate, or choose a faster encoder preset, if the computer is too slow.',
    find(window) {
      if (isRtp(window)) return undefined;
      const dropped = sumOf(window.last('droppedPictures', DROPPED_WITHIN_S));
      const shown = sumOf(window.last('frameRate', DROPPED_WITHIN_S));
      if (dropped < MINIMUM_DROPPED || dropped < (dropped + shown) * DROPPED_SHARE) return undefined;
      const share = Math.round((dropped / (dropped + shown)) * 100);
      return `Your streaming software leaves out pictures: ${share} % of the last half minute.`;
    },
  },
  {
    code: 'picture-frozen',
    severity: 'warning',
    cure: 'If it should move: check the camera, the capture card or the scene in your streaming software.',
    find(window) {
      const pictures = window.last('predictedPictures', FROZEN_S);
      if (pictures.length < FROZEN_S || window.last('frameRate', FROZEN_S).some((rate) => rate === 0))
        return undefined;
      const count = sumOf(pictures);
      const { width, height } = window.source.video ?? {};
      const pixels = width && height ? width * height : UNKNOWN_PIXELS;
      const mostBytes = REPEATED_BYTES + pixels * REPEATED_BYTES_PER_PIXEL;
      if (count < MINIMUM_PICTURES || sumOf(window.last('predictedBytes', FROZEN_S)) > count * mostBytes)
        return undefined;
      return 'The picture is frozen: nothing in it has changed for 10 s.';
    },
  },
  {
    code: 'picture-missing',
    severity: 'error',
    cure: 'Choose a camera, a screen or a scene in your streaming software; a broadcast of sound alone needs nothing.',
    find(window) {
      const rates = window.last('frameRate', MISSING_S);
      if (rates.length < MISSING_S || rates.some((rate) => rate > 0)) return undefined;
      return window.notices.get('source-video') ?? 'There is no picture.';
    },
  },
  {
    code: 'keyframes-missing',
    severity: 'warning',
    cure: KEYFRAMES_CURE,
    find: (window) => (isRtp(window) ? window.notices.get('source-keyframes') : undefined),
  },
  {
    code: 'frame-rate-variable',
    severity: 'warning',
    cure: 'Choose a fixed frame rate, such as 30 frames per second, in your streaming software or for the camera.',
    find(window) {
      const irregular = window.last('irregular', IRREGULAR_S);
      if (irregular.length < IRREGULAR_S || irregular.some((value) => value === 0)) return undefined;
      return 'The frame rate varies: motion is uneven for viewers, and dropped pictures cannot be told.';
    },
  },
  {
    code: 'resolution-changed',
    severity: 'warning',
    cure: 'Keep one resolution for the whole broadcast: set it in your streaming software.',
    find(window) {
      if (isRtp(window)) return undefined;
      const changes = sumOf(window.last('sizeChanges', SIZES_WITHIN_S));
      if (changes === 0) return undefined;
      const { width, height } = window.source.video ?? {};
      return `The resolution has changed, to ${width}x${height}: each change interrupts the playback of viewers for a moment.`;
    },
  },
  {
    code: 'b-frames',
    severity: 'info',
    cure: 'Nothing has to be done. Without B-frames the server needs no encoder for WebRTC viewers.',
    find: ({ source }) =>
      source.video?.bFrames
        ? 'The video has B-frames, which do no harm here: HLS viewers get them, WebRTC viewers get a version without.'
        : undefined,
  },
  {
    code: 'codec-not-played',
    severity: 'warning',
    cure: 'Choose H.264 with the profile High and the color format NV12 in your streaming software.',
    find: unplayableCodec,
  },
];

/** Browsers play H.264 of the plain profiles, VP8 and VP9 alike; the server encodes other codecs of RTMP to H.264. */
function unplayableCodec(window: HealthWindow): string | undefined {
  const { video } = window.source;
  if (!video) return undefined;
  const name = CODEC_NAMES[video.codec];
  if (video.codec === 'h264') {
    if (video.profile === undefined || PLAIN_PROFILES.includes(video.profile)) return undefined;
    return 'The video is H.264 of a profile that browsers do not play (more than 8 bits, or more color than 4:2:0): the server encodes every quality again.';
  }
  if (!isRtp(window))
    return `The video is ${name}, which not every browser plays: the server encodes every quality again, as H.264.`;
  if (video.codec === 'vp8' || video.codec === 'vp9') return undefined;
  return `The video is ${name}, which not every browser plays by WebRTC: the viewers of others get HLS, with more delay.`;
}

/** Returns the last keyframe intervals, ms, oldest first. */
function intervalsOf({ keyframeIntervals, keyframeIntervalsMs }: SourceCounters): number[] {
  const length = Math.min(keyframeIntervals, KEPT_INTERVALS);
  return Array.from(
    { length },
    (_, index) => keyframeIntervalsMs[(keyframeIntervals - length + index) % KEPT_INTERVALS]!,
  );
}
