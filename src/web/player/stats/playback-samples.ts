import { number } from '../../locale/format.js';
import { playerTexts } from '../../texts/player.js';
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
    [playerTexts.delivery, stats.delivery === 'webrtc' ? 'WebRTC' : 'HLS'],
    [playerTexts.reason, stats.fallback],
    [playerTexts.quality, stats.level],
    [playerTexts.picture, picture.width > 0 ? `${picture.width} × ${picture.height}` : undefined],
    [
      playerTexts.frameRate,
      webrtc?.frameRate === undefined ? undefined : playerTexts.framesPerSecond(Math.round(webrtc.frameRate)),
    ],
    [playerTexts.codec, webrtc?.codec?.replace(/^video\//, '')],
    [
      playerTexts.bitrate,
      stats.bitrate === undefined ? undefined : `${number(stats.bitrate / 1_000_000, 2)} Mbit/s`,
    ],
    [playerTexts.latency, seconds(stats.latencyS)],
    [playerTexts.behindPlaylistEnd, seconds(stats.edgeDistanceS)],
    [playerTexts.buffer, seconds(stats.bufferedS)],
    [
      playerTexts.roundTrip,
      webrtc?.roundTripMs === undefined ? undefined : `${Math.round(webrtc.roundTripMs)} ms`,
    ],
    [playerTexts.packetsLost, lost === undefined ? undefined : `${number(lost * 100, 1)} %`],
    [playerTexts.framesDropped, playerTexts.ofTotal(stats.droppedFrames, stats.totalFrames)],
    [playerTexts.stalls, `${stats.stalls} (${number(stats.stalledMs / 1_000, 1)} s)`],
    [playerTexts.qualityChanges, String(stats.levelSwitches)],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== undefined && fact[1] !== '');
}

function seconds(value: number | undefined): string | undefined {
  return value === undefined ? undefined : `${number(value, 2)} s`;
}
