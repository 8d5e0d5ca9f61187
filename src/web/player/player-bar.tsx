import type { DeliveryChoice } from './delivery.js';
import type { PlayerView } from './live-player.js';

type PlayerBarProps = {
  player: PlayerView;
  /** How many watch, however they do. */
  viewers: number | undefined;
  onChoose: (id: string) => void;
  onChooseDelivery: (choice: DeliveryChoice) => void;
  onGoLive: () => void;
};

const DELIVERIES: { id: DeliveryChoice; label: string }[] = [
  { id: 'auto', label: 'Automatic' },
  { id: 'webrtc', label: 'WebRTC' },
  { id: 'hls', label: 'HLS' },
];

/** What the browser's own controls lack: the menus of quality and delivery, the distance to live, the way back to it. */
export function PlayerBar({ player, viewers, onChoose, onChooseDelivery, onGoLive }: PlayerBarProps) {
  return (
    <div class="player-bar">
      {player.choices.length > 0 && (
        <label>
          Quality
          <select value={player.chosen} onChange={(event) => onChoose(event.currentTarget.value)}>
            {player.choices.map(({ id, label }) => (
              <option key={id} value={id} selected={id === player.chosen}>
                {label}
              </option>
            ))}
          </select>
        </label>
      )}
      {player.deliveryChoice && (
        <label>
          Delivery
          <select
            value={player.deliveryChoice}
            onChange={(event) => onChooseDelivery(event.currentTarget.value as DeliveryChoice)}
          >
            {DELIVERIES.map(({ id, label }) => (
              <option key={id} value={id} selected={id === player.deliveryChoice}>
                {id === 'auto' ? `${label} (${player.delivery === 'hls' ? 'HLS' : 'WebRTC'})` : label}
              </option>
            ))}
          </select>
        </label>
      )}
      <Latency player={player} />
      {viewers !== undefined && <span class="viewers">{viewers} watching</span>}
      {player.late && (
        <button type="button" onClick={onGoLive}>
          Go live
        </button>
      )}
      <span class="delivery-note" role="status">
        {player.deliveryNote}
      </span>
    </div>
  );
}

function Latency({ player: { behind, delivery } }: { player: PlayerView }) {
  if (behind === undefined) return null;
  return delivery === 'hls' ? (
    <span class="latency" title="Between the newest picture the server has and the one you see">
      {behind.toFixed(1)} s behind live
    </span>
  ) : (
    <span class="latency" title="Half the round trip to the server, and the time in your browser’s buffer">
      about {Math.max(10, Math.round(behind * 100) * 10)} ms behind live (estimate)
    </span>
  );
}
