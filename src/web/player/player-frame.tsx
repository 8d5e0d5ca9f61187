import type { ComponentChildren, RefObject } from 'preact';
import { useRef } from 'preact/hooks';
import { canFillScreen, FullScreenButton } from './full-screen-button.js';

type PlayerFrameProps = {
  video: RefObject<HTMLVideoElement | null>;
  /** Shows the last frame while a player is replaced. */
  still: RefObject<HTMLCanvasElement | null>;
  /** Accessible name of the video. */
  label: string;
  hasControls: boolean;
  /** Covers the picture. */
  notice: string | undefined;
  /** Buttons below the notice. */
  children?: ComponentChildren;
  /** Shown when the browser refused to play, or plays without sound. */
  refusal?: {
    player: { phase: string; mutedByBrowser: boolean } | undefined;
    onPlay(): void;
    onUnmute(): void;
  };
};

/** Video with the held frame and notices on top. */
export function PlayerFrame({
  video,
  still,
  label,
  hasControls,
  notice,
  children,
  refusal,
}: PlayerFrameProps) {
  const frame = useRef<HTMLDivElement>(null);
  const player = refusal?.player;
  const fillsScreen = refusal !== undefined && canFillScreen();
  return (
    <div ref={frame} class={`player ${notice === undefined ? '' : 'covered'}`}>
      {/* biome-ignore lint/a11y/useMediaCaption: there is no text track to offer: neither ingest nor uploads take captions */}
      <video
        ref={video}
        controls={hasControls}
        // The browser's control would make the video alone full screen, without the held frame on top.
        controlsList={fillsScreen ? 'nofullscreen' : undefined}
        playsInline
        aria-label={label}
      />
      <canvas ref={still} class="still" hidden />
      <div class="notice" role="status" aria-live="polite">
        {notice && <p>{notice}</p>}
        {children}
        {player?.phase === 'refused' && (
          <button type="button" class="primary" onClick={refusal?.onPlay}>
            Play
          </button>
        )}
      </div>
      {player?.mutedByBrowser && player.phase !== 'refused' && (
        <button type="button" class="primary unmute" onClick={refusal?.onUnmute}>
          Unmute
        </button>
      )}
      {hasControls && fillsScreen && <FullScreenButton target={frame} />}
    </div>
  );
}
