import type { PlayerStats } from '../live-player.js';

/** Measurements of one moment. Missing ones are null, which plots leave out. */
export type PlaybackSample = {
  /** Unix ms. */
  atMs: number;
  bitrateMbps: number | null;
  bufferedS: number;
  latencyS: number | null;
  /** Frames that were dropped since the sample before. */
  droppedFrames: number;
};

/** Samples that are shown: two minutes, one a second. */
const SHOWN = 120;

/** Appends the measurements of now. @param before statistics at the last sample, for the counters */
export function withSample(
  samples: readonly PlaybackSample[],
  now: PlayerStats,
  before: PlayerStats | undefined,
  atMs: number,
): PlaybackSample[] {
  const { bitrate, bufferedS, latencyS } = now;
  const sample = {
    atMs,
    bitrateMbps: bitrate === undefined ? null : bitrate / 1_000_000,
    bufferedS: Math.max(0, bufferedS),
    latencyS: latencyS ?? null,
    // A player that was replaced counts from 0 again.
    droppedFrames: Math.max(0, now.droppedFrames - (before?.droppedFrames ?? now.droppedFrames)),
  };
  return [...samples, sample].slice(-SHOWN);
}

/** Returns what is known about playback, as names and values for people. */
export function factsOf(stats: PlayerStats, picture: { width: number; height: number }): [string, string][] {
  const { webrtc } = stats;
  const lost = webrtc && webrtc.packetsLost / Math.max(1, webrtc.packetsReceived + webrtc.packetsLost);
  const facts: [string, string | undefined][] = [
    ['Delivery', stats.delivery === 'webrtc' ? 'WebRTC' : 'HLS'],
    ['Reason', stats.fallback],
    ['Quality', stats.level],
    ['Picture', picture.width > 0 ? `${picture.width} × ${picture.height}` : undefined],
    [
      'Frame rate',
      webrtc?.frameRate === undefined ? undefined : `${Math.round(webrtc.frameRate)} per second`,
    ],
    ['Codec', webrtc?.codec?.replace(/^video\//, '')],
    ['Bitrate', stats.bitrate === undefined ? undefined : `${(stats.bitrate / 1_000_000).toFixed(2)} Mbit/s`],
    ['Latency', seconds(stats.latencyS)],
    ['Behind the playlist’s end', seconds(stats.edgeDistanceS)],
    ['Buffer', seconds(stats.bufferedS)],
    ['Round trip', webrtc?.roundTripMs === undefined ? undefined : `${Math.round(webrtc.roundTripMs)} ms`],
    ['Packets lost', lost === undefined ? undefined : `${(lost * 100).toFixed(1)} %`],
    ['Frames dropped', `${stats.droppedFrames} of ${stats.totalFrames}`],
    ['Stalls', `${stats.stalls} (${(stats.stalledMs / 1_000).toFixed(1)} s)`],
    ['Changes of quality', String(stats.levelSwitches)],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== undefined && fact[1] !== '');
}

function seconds(value: number | undefined): string | undefined {
  return value === undefined ? undefined : `${value.toFixed(2)} s`;
}
