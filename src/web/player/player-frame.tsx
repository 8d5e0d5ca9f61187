import type { ComponentChildren, RefObject } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { useLoaded } from '../loading/use-loaded.js';
import { watchTexts } from '../texts/watch.js';
import { toggleFullScreen } from './controls/full-screen.js';
import type { PlaybackControl } from './controls/playback-control.js';
import { useIdle } from './controls/use-idle.js';
import { useShortcuts } from './controls/use-shortcuts.js';
import { useTheatre } from './controls/use-theatre.js';
import { restoreVolume, setVolume } from './controls/volume.js';

type PlayerFrameProps = {
  video: RefObject<HTMLVideoElement | null>;
  /** Shows the last frame while a player is replaced. */
  still: RefObject<HTMLCanvasElement | null>;
  /** Accessible name of the video. */
  label: string;
  /** Undefined while there is no player. */
  playback: PlaybackControl | undefined;
  /** Covers the picture. */
  notice: string | undefined;
  /** Buttons below the notice. */
  children?: ComponentChildren;
  /** True in a page of another site: no theatre mode, no keys and no stored volume of the page. Default: false. */
  isEmbedded?: boolean;
};

// With the code of the players: without a player there is nothing to control.
const loadControls = () => import('./controls/player-controls.js');
const loadStatsPanel = async () => (await import('./stats/stats-panel.js')).StatsPanel;

/** Time within which a second click makes a double click, ms. */
const DOUBLE_CLICK_MS = 250;

/** Video with its controls, the held frame and notices on top. */
export function PlayerFrame({
  video,
  still,
  label,
  playback,
  notice,
  children,
  isEmbedded = false,
}: PlayerFrameProps) {
  const frame = useRef<HTMLDivElement>(null);
  const settingsId = useId();
  const [open, setOpen] = useState<'settings' | 'help'>();
  const [showsStats, setShowsStats] = useState(false);
  const StatsPanel = useLoaded(showsStats, loadStatsPanel);
  const controls = useLoaded(playback !== undefined, loadControls);
  const isIdle = useIdle(frame);
  const theatre = useTheatre();
  const isRevealing = useRef(false);
  const clickTimer = useRef<ReturnType<typeof setTimeout>>(undefined);

  useEffect(() => {
    if (video.current && !isEmbedded) restoreVolume(video.current);
    return () => clearTimeout(clickTimer.current);
  }, []);

  const view = playback?.view;
  const isPlaying = view?.phase === 'playing' || view?.phase === 'waiting';
  const focusSettings = (): void => frame.current?.querySelector<HTMLElement>('.settings-button')?.focus();
  const close = (): void => {
    setOpen(undefined);
    focusSettings();
  };
  const toggle = (name: 'settings' | 'help'): void => setOpen((now) => (now === name ? undefined : name));
  const toggleStats = (): void => setShowsStats((now) => !now);
  const closeStats = (): void => {
    setShowsStats(false);
    focusSettings();
  };
  useShortcuts({
    ...{ frame, video, playback, isEmbedded },
    onToggleTheatre: isEmbedded ? undefined : theatre.toggle,
    onToggleStats: toggleStats,
    onToggleHelp: () => toggle('help'),
  });

  const clicked = (event: MouseEvent): void => {
    clearTimeout(clickTimer.current);
    // A touch shows the controls.
    if ((event as PointerEvent).pointerType === 'touch' || !playback) return;
    clickTimer.current = setTimeout(() => {
      if (video.current?.paused) playback.play();
      else video.current?.pause();
    }, DOUBLE_CLICK_MS);
  };
  const hides = isIdle && isPlaying && open === undefined;
  return (
    <div
      ref={frame}
      class={`player ${notice === undefined ? '' : 'covered'} ${hides ? 'idle' : ''}`}
      // The first touch shows the controls: it must not press one that is not visible.
      onPointerDownCapture={({ pointerType }) => {
        isRevealing.current = hides && pointerType === 'touch';
      }}
      onClickCapture={(event) => {
        if (isRevealing.current) event.stopPropagation();
        isRevealing.current = false;
      }}
    >
      {/* biome-ignore lint/a11y/useMediaCaption: there is no text track to offer: neither ingest nor uploads take captions */}
      <video
        ref={video}
        playsInline
        aria-label={label}
        onClick={clicked}
        onDblClick={() => {
          clearTimeout(clickTimer.current);
          void toggleFullScreen(frame.current, video.current);
        }}
      />
      <canvas ref={still} class="still" hidden />
      <div class="notice" role="status" aria-live="polite">
        {notice && <p>{notice}</p>}
        {children}
        {view?.phase === 'refused' && (
          <button type="button" class="primary" onClick={() => playback?.play()}>
            {watchTexts.play}
          </button>
        )}
      </div>
      {view?.mutedByBrowser && view.phase !== 'refused' && (
        <button
          type="button"
          class="primary unmute"
          onClick={() => video.current && setVolume(video.current, { muted: false })}
        >
          {watchTexts.unmute}
        </button>
      )}
      {playback && controls && (
        <controls.ControlBar
          {...{ frame, video, playback }}
          theatre={isEmbedded ? undefined : theatre}
          settings={{ id: settingsId, isOpen: open === 'settings', toggle: () => toggle('settings') }}
        />
      )}
      {playback && controls && open === 'settings' && (
        <controls.SettingsMenu
          {...{ id: settingsId, playback, showsStats }}
          onToggleStats={toggleStats}
          onShowHelp={() => setOpen('help')}
          onClose={close}
        />
      )}
      {playback && showsStats && StatsPanel && (
        <StatsPanel video={video} stats={() => playback.stats()} onClose={closeStats} />
      )}
      {controls && open === 'help' && <controls.ShortcutHelp onClose={close} />}
    </div>
  );
}
