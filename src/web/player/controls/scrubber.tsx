import { useEffect, useState } from 'preact/hooks';
import { playerTexts } from '../../texts/player.js';
import type { Preview } from '../previews.js';
import { LIVE_REACH_S, MINIMUM_RANGE_S, type RewindRange, timeText } from '../rewind-position.js';

type ScrubberProps = {
  /** Returns the window now; undefined while the broadcast cannot be rewound. */
  range: () => RewindRange | undefined;
  /** Returns the picture of a moment, if it is known. @param behindS distance from the live edge, s */
  previewAt: (behindS: number) => Preview | undefined;
  onSeek: (behindS: number) => void;
};

const REFRESH_MS = 1_000;

/** Scrubber over a recording or the window in which viewers can rewind. */
export function Scrubber({ range, previewAt, onSeek }: ScrubberProps) {
  const [, setTick] = useState(0);
  /** Position while the viewer moves the handle, s behind the live edge. */
  const [draggedS, setDraggedS] = useState<number>();
  /** Position below the pointer. */
  const [pointedS, setPointedS] = useState<number>();

  useEffect(() => {
    const timer = setInterval(() => setTick((count) => count + 1), REFRESH_MS);
    return () => clearInterval(timer);
  }, []);

  const now = range();
  if (!now || (now.lengthS < MINIMUM_RANGE_S && !now.isRewinding)) return null;
  const lengthS = Math.round(now.lengthS);
  const behindS = draggedS ?? (now.isRewinding || now.isRecording ? now.behindS : 0);
  const text = placeText(now, behindS);
  const shownS = draggedS ?? pointedS;
  return (
    <div class="scrubber">
      <div class="track">
        {shownS !== undefined && (
          <PreviewPicture
            share={1 - shownS / lengthS}
            text={placeText(now, shownS)}
            preview={previewAt(shownS)}
          />
        )}
        <input
          type="range"
          min={0}
          max={lengthS}
          step={1}
          value={Math.max(0, lengthS - behindS)}
          style={{ '--share': 1 - behindS / Math.max(1, lengthS) }}
          aria-label={now.isRecording ? playerTexts.positionInRecording : playerTexts.positionInBroadcast}
          aria-valuetext={text}
          onInput={(event) => setDraggedS(lengthS - Number(event.currentTarget.value))}
          onChange={(event) => {
            setDraggedS(undefined);
            onSeek(lengthS - Number(event.currentTarget.value));
          }}
          onPointerMove={(event) => {
            const { left, width } = event.currentTarget.getBoundingClientRect();
            const share = Math.min(1, Math.max(0, (event.clientX - left) / Math.max(1, width)));
            setPointedS((1 - share) * lengthS);
          }}
          onPointerLeave={() => setPointedS(undefined)}
        />
      </div>
    </div>
  );
}

function placeText({ isRecording, lengthS }: RewindRange, behindS: number): string {
  if (isRecording) return timeText(Math.max(0, lengthS - behindS));
  return behindS < LIVE_REACH_S ? playerTexts.live : `-${timeText(behindS)}`;
}

/** @param share place on the track, 0 to 1 */
function PreviewPicture({
  share,
  text,
  preview,
}: {
  share: number;
  text: string;
  preview: Preview | undefined;
}) {
  const picture = preview && {
    ...{ width: `${preview.width}px`, height: `${preview.height}px` },
    backgroundImage: `url("${preview.url}")`,
    backgroundPosition: `-${preview.x}px -${preview.y}px`,
  };
  return (
    <div class="pointed" style={{ left: `${share * 100}%` }}>
      {picture && <div class="preview" style={picture} />}
      <span>{text}</span>
    </div>
  );
}
