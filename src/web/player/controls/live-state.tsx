import { durationText } from '../../forms/format.js';
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
        Go live
      </button>
    );
  const { latencyS, isLatencyEstimated } = view;
  return (
    <span class="live-state">
      <span class="dot" aria-hidden="true" />
      Live
      {latencyS !== undefined && (
        <span class="latency" title={isLatencyEstimated ? ESTIMATED : MEASURED}>
          {isLatencyEstimated && '≈ '}
          {latencyText(latencyS)}
          <span class="unseen"> behind the broadcast</span>
        </span>
      )}
    </span>
  );
}

const MEASURED = 'Time from the arrival of the picture at the server to your screen, by the server’s clock';
const ESTIMATED = 'Half the round-trip time to the server, plus the browser’s buffer';

/** `240 ms`, or `1.8 s` from one second on. */
export function latencyText(latencyS: number): string {
  return latencyS < 0.995 ? `${Math.round(latencyS * 100) * 10} ms` : `${latencyS.toFixed(1)} s`;
}
