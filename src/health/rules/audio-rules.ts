import { type HealthWindow, type Rule, sumOf } from './rule.js';

/** Time for which sound must be silent, or missing, s. */
const SILENT_S = 10;
const MISSING_S = 10;
/** Level below which sound is silence, dBFS: microphones that are on are louder. */
const SILENCE_DB = -70;
/** Window, and seconds in it whose sound is at full scale, after which it clips. */
const CLIPPING_WITHIN_S = 10;
const CLIPPING_S = 5;
/** Level and peak of sound that clips, dBFS; without a known peak the level alone. */
const CLIPPING_LEVEL_DB = -9;
const CLIPPING_PEAK_DB = -0.1;
const CLIPPING_LEVEL_ALONE_DB = -3;

export const AUDIO_RULES: readonly Rule[] = [
  {
    code: 'sound-missing',
    severity: 'error',
    cure: 'Choose a microphone, or add an audio source, in your streaming software; a broadcast of pictures alone needs nothing.',
    find(window) {
      const rates = window.last('audioBitrate', MISSING_S);
      const isConfigured = !window.notices.has('source-audio');
      if (isConfigured && (rates.length < MISSING_S || sumOf(rates) > 0)) return undefined;
      return window.notices.get('source-audio') ?? 'There is no sound.';
    },
  },
  {
    code: 'sound-silent',
    severity: 'warning',
    cure: 'Check whether the microphone is muted, plugged in and chosen in your streaming software.',
    find(window) {
      const levels = window.last('audioLevel', SILENT_S);
      // NaN is not below the level.
      if (levels.length < SILENT_S || !levels.every((level) => level < SILENCE_DB)) return undefined;
      return 'The sound is silent: nothing has been heard for 10 s.';
    },
  },
  {
    code: 'sound-clipping',
    severity: 'warning',
    cure: 'Lower the volume of the microphone or of the audio source, until the meter stays below its red end.',
    find(window) {
      if (clippingSeconds(window) < CLIPPING_S) return undefined;
      return 'The sound clips: it is too loud and distorted.';
    },
  },
];

function clippingSeconds(window: HealthWindow): number {
  const levels = window.last('audioLevel', CLIPPING_WITHIN_S);
  const peaks = window.last('audioPeak', CLIPPING_WITHIN_S);
  const clips = levels.map((level, index) =>
    Number.isNaN(peaks[index])
      ? level >= CLIPPING_LEVEL_ALONE_DB
      : level >= CLIPPING_LEVEL_DB && peaks[index]! >= CLIPPING_PEAK_DB,
  );
  return clips.filter(Boolean).length;
}
