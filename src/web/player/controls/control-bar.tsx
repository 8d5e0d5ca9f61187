import type { RefObject } from 'preact';
import { playerTexts } from '../../texts/player.js';
import { timeText } from '../rewind-position.js';
import {
  fillsScreen,
  offersFullScreen,
  offersPictureInPicture,
  toggleFullScreen,
  togglePictureInPicture,
} from './full-screen.js';
import { Icon, type IconName } from './icons.js';
import { LiveState } from './live-state.js';
import type { PlaybackControl } from './playback-control.js';
import { Scrubber } from './scrubber.js';
import { useVideo } from './use-video.js';
import { setVolume } from './volume.js';

type ControlBarProps = {
  frame: RefObject<HTMLElement | null>;
  video: RefObject<HTMLVideoElement | null>;
  playback: PlaybackControl;
  /** Undefined where there is no theatre mode. */
  theatre: { isOn: boolean; toggle(): void } | undefined;
  settings: { id: string; isOpen: boolean; toggle(): void };
};

/** Controls of a player, over the lower edge of the picture. */
export function ControlBar({ frame, video, playback, theatre, settings }: ControlBarProps) {
  useVideo(video);
  const element = video.current;
  if (!element) return null;
  const { view } = playback;
  const range = playback.range();
  const isSilent = element.muted || element.volume === 0;
  const isFullScreen = fillsScreen(frame.current);
  return (
    <div class="controls">
      <Scrubber
        range={() => playback.range()}
        previewAt={(behindS) => playback.previewAt?.(behindS)}
        onSeek={(behindS) => playback.seekTo(behindS)}
      />
      <div class="control-row">
        <IconButton
          icon={element.paused ? 'play' : 'pause'}
          label={element.paused ? playerTexts.play : playerTexts.pause}
          onClick={() => (element.paused ? playback.play() : element.pause())}
        />
        <IconButton
          icon={isSilent ? 'muted' : 'volume'}
          label={isSilent ? playerTexts.soundOn : playerTexts.mute}
          onClick={() => setVolume(element, { muted: !isSilent })}
        />
        <input
          type="range"
          class="volume"
          min={0}
          max={1}
          step={0.05}
          value={isSilent ? 0 : element.volume}
          style={{ '--share': isSilent ? 0 : element.volume }}
          aria-label={playerTexts.volume}
          aria-valuetext={`${Math.round((isSilent ? 0 : element.volume) * 100)} %`}
          onInput={(event) => {
            const volume = Number(event.currentTarget.value);
            setVolume(element, { volume, muted: volume === 0 });
          }}
        />
        <LiveState view={view} range={range} onGoLive={playback.goLive && (() => playback.goLive?.())} />
        {range?.isRewinding && <span class="position">-{timeText(range.behindS)}</span>}
        <span class="space" />
        {view.choices.length > 0 && (
          <select
            class="quality"
            aria-label={playerTexts.quality}
            value={view.chosenId}
            onChange={(event) => playback.chooseQuality(event.currentTarget.value)}
          >
            {view.choices.map(({ id, label }) => (
              <option key={id} value={id} selected={id === view.chosenId}>
                {label}
              </option>
            ))}
          </select>
        )}
        <button
          type="button"
          class="icon-button settings-button"
          aria-label={playerTexts.settings}
          title={playerTexts.settings}
          aria-expanded={settings.isOpen}
          aria-controls={settings.id}
          onClick={settings.toggle}
        >
          <Icon name="settings" />
        </button>
        {offersPictureInPicture() && (
          <IconButton
            icon="pictureInPicture"
            label={playerTexts.pictureInPicture}
            onClick={() => void togglePictureInPicture(element)}
          />
        )}
        {theatre && !isFullScreen && (
          <IconButton
            icon={theatre.isOn ? 'leaveTheatre' : 'theatre'}
            label={theatre.isOn ? playerTexts.leaveTheatre : playerTexts.theatre}
            onClick={theatre.toggle}
          />
        )}
        {offersFullScreen(element) && (
          <IconButton
            icon={isFullScreen ? 'leaveFullScreen' : 'fullScreen'}
            label={isFullScreen ? playerTexts.leaveFullScreen : playerTexts.fullScreen}
            onClick={() => void toggleFullScreen(frame.current, element)}
          />
        )}
        <span class="delivery-note unseen" role="status">
          {view.deliveryNote}
        </span>
      </div>
    </div>
  );
}

function IconButton({ icon, label, onClick }: { icon: IconName; label: string; onClick: () => void }) {
  return (
    <button type="button" class={`icon-button ${icon}`} aria-label={label} title={label} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
}
