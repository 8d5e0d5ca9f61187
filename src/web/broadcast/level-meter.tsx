import { useEffect, useRef } from 'preact/hooks';
import { broadcastTexts } from '../texts/broadcast.js';
import { LOWEST_DB, peakDb } from './sound-level.js';

const INTERVAL_MS = 100;
/** Samples that are looked at: 43 ms at 48 kHz. */
const SAMPLES = 2_048;
/** Peak above which sound is about to clip, dBFS. */
const LOUD_DB = -6;

/** Level of captured sound. */
export function LevelMeter({ track }: { track: MediaStreamTrack }) {
  const meter = useRef<HTMLMeterElement>(null);
  useEffect(() => {
    const context = new AudioContext();
    const analyser = new AnalyserNode(context, { fftSize: SAMPLES });
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(SAMPLES);
    const timer = setInterval(() => {
      // Browsers start it after a click on the page.
      if (context.state === 'suspended') void context.resume();
      analyser.getFloatTimeDomainData(samples);
      if (meter.current) meter.current.value = peakDb(samples);
    }, INTERVAL_MS);
    return () => {
      clearInterval(timer);
      void context.close();
    };
  }, [track]);
  return (
    <label class="sound-level">
      {broadcastTexts.sound}
      <meter ref={meter} min={LOWEST_DB} max={0} high={LOUD_DB} optimum={LOWEST_DB} value={LOWEST_DB} />
    </label>
  );
}
