import { number } from '../locale/format.js';
import { broadcastTexts } from '../texts/broadcast.js';
import type { OutboundLayer, OutboundStats } from './outbound-stats.js';

/** Table of the outbound statistics. */
export function OutboundTable({ outbound, onAirS }: { outbound: OutboundStats; onAirS: number }) {
  return (
    <dl class="outbound">
      <Row name={broadcastTexts.onAirFor} value={durationText(onAirS)} />
      <Row name={broadcastTexts.bitrate} value={bitrateText(outbound.bitrate)} />
      <Row name={broadcastTexts.codec} value={outbound.codec?.replace('video/', '') ?? broadcastTexts.none} />
      {outbound.layers.map((layer) => (
        <Row
          key={layer.rid}
          name={layer.rid ? broadcastTexts.layer(layer.rid) : broadcastTexts.video}
          value={layerText(layer)}
        />
      ))}
      <Row name={broadcastTexts.roundTripTime} value={millisecondsText(outbound.roundTripMs)} />
      <Row
        name={broadcastTexts.packetsLost}
        value={
          outbound.lossRatio === undefined
            ? broadcastTexts.unknown
            : `${number(outbound.lossRatio * 100, 1)} %`
        }
      />
      <Row name={broadcastTexts.limitedBy} value={broadcastTexts.limitations[outbound.limitation]} />
    </dl>
  );
}

function Row({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function layerText({ width, height, frameRate, bitrate }: OutboundLayer): string {
  if (!width || !height) return broadcastTexts.notSent;
  return `${width}×${height}, ${Math.round(frameRate ?? 0)} fps, ${bitrateText(bitrate)}`;
}

function bitrateText(bitrate: number | undefined): string {
  return bitrate === undefined ? broadcastTexts.unknown : `${number(bitrate / 1_000_000, 2)} Mbit/s`;
}

function millisecondsText(ms: number | undefined): string {
  return ms === undefined ? broadcastTexts.unknown : `${Math.round(ms)} ms`;
}

function durationText(seconds: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  const hours = Math.floor(seconds / 3_600);
  return `${hours > 0 ? `${hours}:` : ''}${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
}
