import type { OutboundLayer, OutboundStats } from './outbound-stats.js';

const LIMITATIONS: Record<OutboundStats['limitation'], string> = {
  none: 'nothing',
  cpu: 'this machine is too slow',
  bandwidth: 'the network is too slow',
  other: 'the browser',
};

/** Table of the outbound statistics. */
export function OutboundTable({ outbound, onAirS }: { outbound: OutboundStats; onAirS: number }) {
  return (
    <dl class="outbound">
      <Row name="On air for" value={durationText(onAirS)} />
      <Row name="Bit rate" value={bitrateText(outbound.bitrate)} />
      <Row name="Codec" value={outbound.codec?.replace('video/', '') ?? 'none'} />
      {outbound.layers.map((layer) => (
        <Row key={layer.rid} name={layer.rid ? `Layer ${layer.rid}` : 'Video'} value={layerText(layer)} />
      ))}
      <Row name="Round-trip time" value={millisecondsText(outbound.roundTripMs)} />
      <Row
        name="Packets lost"
        value={outbound.lossRatio === undefined ? 'unknown' : `${(outbound.lossRatio * 100).toFixed(1)} %`}
      />
      <Row name="Video limited by" value={LIMITATIONS[outbound.limitation]} />
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
  if (!width || !height) return 'not sent';
  return `${width}×${height}, ${Math.round(frameRate ?? 0)} fps, ${bitrateText(bitrate)}`;
}

function bitrateText(bitrate: number | undefined): string {
  return bitrate === undefined ? 'unknown' : `${(bitrate / 1_000_000).toFixed(2)} Mbit/s`;
}

function millisecondsText(ms: number | undefined): string {
  return ms === undefined ? 'unknown' : `${Math.round(ms)} ms`;
}

function durationText(seconds: number): string {
  const two = (number: number): string => String(Math.floor(number)).padStart(2, '0');
  const hours = Math.floor(seconds / 3_600);
  return `${hours > 0 ? `${hours}:` : ''}${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
}
