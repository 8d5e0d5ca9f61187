import type { Health, HealthFinding } from '../../api/contract.js';
import { timeText } from '../forms/format.js';
import { formsTexts } from '../texts/forms.js';
import { studioTexts } from '../texts/studio.js';
import { Plot } from './plot.js';

const ORDER = ['error', 'warning', 'info'] as const;

/** Findings about what the publisher sends, with their cure, and plots of the last minutes. */
export function HealthPanel({ health }: { health: Health | undefined }) {
  if (!health) return <p class="faint">{formsTexts.loading}</p>;
  const { series, findings, pastFindings } = health;
  const faults = [...findings].sort((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity));
  const isMeasured = series.at.length > 0;
  const megabits = (values: (number | null)[]): (number | null)[] =>
    values.map((value) => (value === null ? null : value / 1_000_000));
  const shown = { at: series.at };
  const isKnown = (values: (number | null)[]): boolean => values.some((value) => value !== null);
  return (
    <section class="doctor" aria-labelledby="doctor">
      <h2 id="doctor">{studioTexts.doctor}</h2>
      <div role="status" aria-live="polite">
        {faults.length === 0 && (
          <p class="healthy">{isMeasured ? studioTexts.healthy : studioTexts.unmeasured}</p>
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
            title={studioTexts.bitrate}
            unit="Mbit/s"
            lines={[
              { label: studioTexts.video, values: megabits(series.videoBitrate) },
              { label: studioTexts.audio, values: megabits(series.audioBitrate) },
            ]}
          />
          <Plot
            {...shown}
            title={studioTexts.pictures}
            unit={studioTexts.perSecond}
            lines={[{ label: '', values: series.frameRate }]}
          />
          <Plot
            {...shown}
            title={studioTexts.keyframeInterval}
            unit="s"
            lines={[{ label: '', values: series.keyframeInterval }]}
          />
          <Plot
            {...shown}
            title={studioTexts.lost}
            unit={studioTexts.lostUnit}
            lines={[
              { label: studioTexts.leftOut, values: series.droppedPictures },
              {
                label: studioTexts.loss,
                values: series.packetLoss.map((share) => (share === null ? null : share * 100)),
              },
            ]}
          />
          <Plot
            {...shown}
            title={studioTexts.delay}
            unit="ms"
            lines={[
              { label: studioTexts.late, values: series.lateMs },
              { label: studioTexts.roundTrip, values: series.roundTripMs },
            ]}
          />
          <Plot
            {...shown}
            title={studioTexts.soundAfterPicture}
            unit="ms"
            lines={[{ label: '', values: series.avSkewMs }]}
          />
          {isKnown(series.audioLevel) && (
            <Plot
              {...shown}
              title={studioTexts.soundLevel}
              unit="dBFS"
              lines={[{ label: '', values: series.audioLevel }]}
            />
          )}
        </div>
      )}
      {pastFindings.length > 0 && (
        <details>
          <summary>{studioTexts.earlier(pastFindings.length)}</summary>
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
      <strong>{studioTexts.severities[severity]}: </strong>
      {message}
      <br />
      <span>{cure}</span>
      <br />
      <span class="faint">{studioTexts.since(timeText(since), until && timeText(until))}</span>
    </li>
  );
}
