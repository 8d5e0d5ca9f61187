import { durationText } from '../../forms/format.js';
import { number } from '../../locale/format.js';
import { playerTexts } from '../../texts/player.js';
import type { PlayerView } from '../live-player.js';
import type { RewindRange } from '../rewind-position.js';

type LiveStateProps = {
  view: PlayerView;
  range: RewindRange | undefined;
  /** Missing for what is not live. */
  onGoLive: (() => void) | undefined;
};

/** Position in a recording; of a broadcast whether it is live, a button that returns there, and the latency. */
export function LiveState({ view, range, onGoLive }: LiveStateProps) {
  if (range?.isRecording)
    return (
      <span class="position">
        {durationText(range.lengthS - range.behindS)} / {durationText(range.lengthS)}
      </span>
    );
  if (!onGoLive) return null;
  if (range?.isRewinding || view.isLate)
    return (
      <button type="button" class="go-to-live" onClick={onGoLive}>
        {playerTexts.goLive}
      </button>
    );
  const { latencyS, isLatencyEstimated } = view;
  return (
    <span class="live-state">
      <span class="dot" aria-hidden="true" />
      {playerTexts.live}
      {latencyS !== undefined && (
        <span class="latency" title={isLatencyEstimated ? playerTexts.estimated : playerTexts.measured}>
          {isLatencyEstimated && '≈ '}
          {latencyText(latencyS)}
          <span class="unseen"> {playerTexts.behindBroadcast}</span>
        </span>
      )}
    </span>
  );
}

/** `240 ms`, or `1.8 s` from one second on. */
export function latencyText(latencyS: number): string {
  return latencyS < 0.995 ? `${Math.round(latencyS * 100) * 10} ms` : `${number(latencyS, 1)} s`;
}
