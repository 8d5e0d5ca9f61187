import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Plot } from '../../studio/plot.js';
import { playerTexts } from '../../texts/player.js';
import type { PlayerStats } from '../live-player.js';
import { factsOf, type PlaybackSample, withSample } from './playback-samples.js';

type StatsPanelProps = {
  video: RefObject<HTMLVideoElement | null>;
  stats: () => PlayerStats | undefined;
  onClose: () => void;
};

const SAMPLE_MS = 1_000;

/** Statistics of playback over the picture, with plots of the last two minutes. */
export function StatsPanel({ video, stats, onClose }: StatsPanelProps) {
  const [samples, setSamples] = useState<PlaybackSample[]>([]);
  const before = useRef<PlayerStats>(undefined);
  const newest = useRef(stats);
  newest.current = stats;

  useEffect(() => {
    const sample = (): void => {
      const now = newest.current();
      if (!now) return;
      const last = before.current;
      before.current = now;
      setSamples((known) => withSample(known, now, last, Date.now()));
    };
    sample();
    const timer = setInterval(sample, SAMPLE_MS);
    return () => clearInterval(timer);
  }, []);

  const now = before.current;
  const picture = { width: video.current?.videoWidth ?? 0, height: video.current?.videoHeight ?? 0 };
  const at = samples.map(({ atMs }) => atMs);
  const plot = (title: string, unit: string, read: (sample: PlaybackSample) => number | null) => (
    <Plot {...{ title, unit, at }} lines={[{ label: '', values: samples.map(read) }]} />
  );
  return (
    <section class="stats" aria-label={playerTexts.stats}>
      <header>
        <h2>{playerTexts.stats}</h2>
        <button type="button" onClick={onClose}>
          {playerTexts.close}
        </button>
      </header>
      {now && (
        <dl>
          {factsOf(now, picture).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
      <div class="plots">
        {plot(playerTexts.bitrate, 'Mbit/s', ({ bitrateMbps }) => bitrateMbps)}
        {plot(playerTexts.buffer, 's', ({ bufferedS }) => bufferedS)}
        {plot(playerTexts.latency, 's', ({ latencyS }) => latencyS)}
        {plot(playerTexts.droppedFrames, playerTexts.perSecond, ({ droppedFrames }) => droppedFrames)}
      </div>
    </section>
  );
}
