import { useLayoutEffect, useRef } from 'preact/hooks';
import { playerTexts } from '../../texts/player.js';
import type { DeliveryChoice } from '../delivery.js';
import type { PlayerView } from '../live-player.js';
import type { PlaybackControl } from './playback-control.js';

type SettingsMenuProps = {
  id: string;
  playback: PlaybackControl;
  showsStats: boolean;
  onToggleStats: () => void;
  onShowHelp: () => void;
  onClose: () => void;
};

const DELIVERIES = ['auto', 'webrtc', 'hls'] as const;
const PROTOCOL_NAMES = { webrtc: 'WebRTC', hls: 'HLS' };

/** Delivery with its reason, statistics, and the list of shortcuts. */
export function SettingsMenu({
  id,
  playback,
  showsStats,
  onToggleStats,
  onShowHelp,
  onClose,
}: SettingsMenuProps) {
  const menu = useRef<HTMLDivElement>(null);
  const { view } = playback;

  useLayoutEffect(() => {
    menu.current?.querySelector<HTMLElement>('select, button, input')?.focus();
    const closeOutside = (event: Event): void => {
      // Also within a shadow root, of which the document sees the host alone.
      const isInside = event
        .composedPath()
        .some((target) => target instanceof Element && target.matches('.settings-menu, .settings-button'));
      if (!isInside) onClose();
    };
    document.addEventListener('pointerdown', closeOutside);
    return () => document.removeEventListener('pointerdown', closeOutside);
  }, []);

  return (
    <div
      ref={menu}
      id={id}
      class="settings-menu"
      role="dialog"
      aria-label={playerTexts.settings}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        onClose();
      }}
    >
      {view.deliveryChoice && playback.chooseDelivery && (
        <label>
          {playerTexts.delivery}
          <select
            value={view.deliveryChoice}
            onChange={(event) => playback.chooseDelivery?.(event.currentTarget.value as DeliveryChoice)}
          >
            {DELIVERIES.map((id) => (
              <option key={id} value={id} selected={id === view.deliveryChoice}>
                {id === 'auto'
                  ? `${playerTexts.automatic} (${PROTOCOL_NAMES[view.delivery]})`
                  : PROTOCOL_NAMES[id]}
              </option>
            ))}
          </select>
        </label>
      )}
      <p class="reason">{view.deliveryNote ?? deliveryText(view)}</p>
      <button type="button" aria-pressed={showsStats} onClick={onToggleStats}>
        {playerTexts.stats}
      </button>
      <button type="button" onClick={onShowHelp}>
        {playerTexts.keyboardShortcuts}
      </button>
    </div>
  );
}

/** Says why the delivery of now is used, where nothing failed. */
function deliveryText({ delivery, deliveryChoice }: PlayerView): string {
  if (delivery === 'webrtc') return playerTexts.byWebrtc;
  return deliveryChoice === 'hls' ? playerTexts.byHlsChosen : playerTexts.byHls;
}
