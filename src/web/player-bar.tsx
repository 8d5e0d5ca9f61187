import type { PlayerView } from './live-player.js';

type PlayerBarProps = { player: PlayerView; onChoose: (id: string) => void; onGoLive: () => void };

/** What the browser's own controls lack: the quality menu, the distance to live, the way back to it. */
export function PlayerBar({ player, onChoose, onGoLive }: PlayerBarProps) {
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
      {player.behind !== undefined && (
        <span class="latency" title="Between the newest picture the server has and the one you see">
          {player.behind.toFixed(1)} s behind live
        </span>
      )}
      {player.late && (
        <button type="button" onClick={onGoLive}>
          Go live
        </button>
      )}
    </div>
  );
}
