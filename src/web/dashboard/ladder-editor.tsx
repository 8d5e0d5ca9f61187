import type { Stream } from '../api/api-client.js';
import { livestreamTexts } from '../texts/livestream.js';

type Ladder = NonNullable<Stream['ladder']>;

type LadderEditorProps = {
  /** Null: the ladder of the server. */
  ladder: Ladder | null;
  onChange: (ladder: Ladder | null) => void;
};

const MAXIMUM_RUNGS = 6;
/** First proposal. */
const PROPOSED: Ladder = [
  { height: 720, bitrate: 2_500_000 },
  { height: 360, bitrate: 700_000 },
];

/** Renditions into which a livestream is encoded below its source. */
export function LadderEditor({ ladder, onChange }: LadderEditorProps) {
  const rungs = ladder ?? [];
  const replace = (index: number, rung: Ladder[number]): void =>
    onChange(rungs.map((one, other) => (other === index ? rung : one)));

  return (
    <fieldset>
      <legend>{livestreamTexts.levels}</legend>
      <label class="tick">
        <input
          type="checkbox"
          checked={ladder !== null}
          onChange={({ currentTarget }) => onChange(currentTarget.checked ? PROPOSED : null)}
        />
        {livestreamTexts.chooseLevels}
      </label>
      {/* At every key: when the page is rendered anew, a field gets the value that is known. */}
      {rungs.map((rung, index) => (
        <div class="row" key={index}>
          <label>
            {livestreamTexts.lines}
            <input
              type="number"
              {...{ required: true, min: 96, max: 4320, step: 2 }}
              value={rung.height || ''}
              onInput={({ currentTarget }) =>
                replace(index, { ...rung, height: Number(currentTarget.value) })
              }
            />
          </label>
          <label>
            kbit/s
            <input
              type="number"
              {...{ required: true, min: 50, max: 100_000 }}
              value={rung.bitrate / 1_000 || ''}
              onInput={({ currentTarget }) =>
                replace(index, { ...rung, bitrate: Math.round(Number(currentTarget.value) * 1_000) })
              }
            />
          </label>
          <label>
            {livestreamTexts.framesPerSecond}
            <input
              type="number"
              {...{ min: 15, max: 60, placeholder: livestreamTexts.allFrames }}
              value={rung.frameRate ?? ''}
              onInput={({ currentTarget }) => replace(index, withFrameRate(rung, currentTarget.value))}
            />
          </label>
          <button type="button" onClick={() => onChange(rungs.filter((_, other) => other !== index))}>
            {livestreamTexts.remove}
          </button>
        </div>
      ))}
      {ladder && rungs.length < MAXIMUM_RUNGS && (
        <button type="button" onClick={() => onChange([...rungs, nextBelow(rungs.at(-1))])}>
          {livestreamTexts.addLevel}
        </button>
      )}
      {ladder && <p class="faint">{livestreamTexts.levelsNote}</p>}
    </fieldset>
  );
}

/** Proposes a rendition below another one. */
function nextBelow(rung: Ladder[number] | undefined): Ladder[number] {
  if (!rung) return { height: 720, bitrate: 2_500_000 };
  return {
    height: Math.max(96, Math.round(rung.height / 3) * 2),
    bitrate: Math.max(50_000, Math.round(rung.bitrate / 2)),
  };
}

/** @param text frames per second; empty: those of the source */
function withFrameRate({ height, bitrate }: Ladder[number], text: string): Ladder[number] {
  return text === '' ? { height, bitrate } : { height, bitrate, frameRate: Number(text) };
}
