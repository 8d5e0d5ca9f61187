import type { DeliveryChoice } from './delivery.js';
import type { PlayerView } from './live-player.js';

type PlayerBarProps = {
  player: PlayerView;
  /** Viewers of all protocols. */
  viewers: number | undefined;
  onChooseQuality: (id: string) => void;
  onChooseDelivery: (choice: DeliveryChoice) => void;
  onGoLive: () => void;
};

const DELIVERIES: { id: DeliveryChoice; label: string }[] = [
  { id: 'auto', label: 'Automatic' },
  { id: 'webrtc', label: 'WebRTC' },
  { id: 'hls', label: 'HLS' },
];

/** Controls that the browser lacks: quality, delivery, latency, jump to live. */
export function PlayerBar({ player, viewers, onChooseQuality, onChooseDelivery, onGoLive }: PlayerBarProps) {
  return (
    <div class="player-bar">
      {player.choices.length > 0 && (
        <label>
          Quality
          <select value={player.chosenId} onChange={(event) => onChooseQuality(event.currentTarget.value)}>
            {player.choices.map(({ id, label }) => (
              <option key={id} value={id} selected={id === player.chosenId}>
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
      {player.isLate && (
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

function Latency({ player: { latencyS, delivery } }: { player: PlayerView }) {
  if (latencyS === undefined) return null;
  return delivery === 'hls' ? (
    <span class="latency" title="Time between the newest frame on the server and the one on screen">
      {latencyS.toFixed(1)} s behind live
    </span>
  ) : (
    <span class="latency" title="Half the round-trip time to the server, plus the browser’s buffer">
      about {Math.max(10, Math.round(latencyS * 100) * 10)} ms behind live (estimate)
    </span>
  );
}
