import type { Health, HealthFinding } from '../../api/contract.js';
import { timeText } from '../forms/format.js';
import { Plot } from './plot.js';

const SEVERITIES = { error: 'Fault', warning: 'Warning', info: 'Note' } as const;
const ORDER = ['error', 'warning', 'info'] as const;

/** Findings about what the publisher sends, with their cure, and plots of the last minutes. */
export function HealthPanel({ health }: { health: Health | undefined }) {
  if (!health) return <p class="faint">Loading…</p>;
  const { series, findings, pastFindings } = health;
  const faults = [...findings].sort((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity));
  const isMeasured = series.at.length > 0;
  const megabits = (values: (number | null)[]): (number | null)[] =>
    values.map((value) => (value === null ? null : value / 1_000_000));
  const shown = { at: series.at };
  const isKnown = (values: (number | null)[]): boolean => values.some((value) => value !== null);
  return (
    <section class="doctor" aria-labelledby="doctor">
      <h2 id="doctor">Ingest doctor</h2>
      <div role="status" aria-live="polite">
        {faults.length === 0 && (
          <p class="healthy">
            {isMeasured ? 'Nothing is wrong with your stream.' : 'Go live to see how your stream does.'}
          </p>
        )}
        <ul class="findings">
          {faults.map((finding) => (
            <Finding key={finding.code} finding={finding} />
          ))}
        </ul>
      </div>
      {isMeasured && (
        <div class="plots">
          <Plot
            {...shown}
            title="Bitrate"
            unit="Mbit/s"
            lines={[
              { label: 'video', values: megabits(series.videoBitrate) },
              { label: 'audio', values: megabits(series.audioBitrate) },
            ]}
          />
          <Plot
            {...shown}
            title="Pictures"
            unit="per second"
            lines={[{ label: '', values: series.frameRate }]}
          />
          <Plot
            {...shown}
            title="Keyframe interval"
            unit="s"
            lines={[{ label: '', values: series.keyframeInterval }]}
          />
          <Plot
            {...shown}
            title="Lost"
            unit="pictures, % of packets"
            lines={[
              { label: 'left out', values: series.droppedPictures },
              {
                label: 'loss',
                values: series.packetLoss.map((share) => (share === null ? null : share * 100)),
              },
            ]}
          />
          <Plot
            {...shown}
            title="Delay"
            unit="ms"
            lines={[
              { label: 'late', values: series.lateMs },
              { label: 'round trip', values: series.roundTripMs },
            ]}
          />
          <Plot
            {...shown}
            title="Sound after picture"
            unit="ms"
            lines={[{ label: '', values: series.avSkewMs }]}
          />
          {isKnown(series.audioLevel) && (
            <Plot
              {...shown}
              title="Level of the sound"
              unit="dBFS"
              lines={[{ label: '', values: series.audioLevel }]}
            />
          )}
        </div>
      )}
      {pastFindings.length > 0 && (
        <details>
          <summary>Earlier in this broadcast ({pastFindings.length})</summary>
          <ul class="findings">
            {pastFindings.map((finding) => (
              <Finding key={finding.code} finding={finding} />
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}

function Finding({ finding: { severity, message, cure, since, until } }: { finding: HealthFinding }) {
  return (
    <li class={`finding ${severity}`}>
      <strong>{SEVERITIES[severity]}: </strong>
      {message}
      <br />
      <span>{cure}</span>
      <br />
      <span class="faint">
        Since {timeText(since)}
        {until !== null && `, until ${timeText(until)}`}
      </span>
    </li>
  );
}
