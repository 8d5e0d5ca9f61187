import type { WhepMeasurements } from '../webrtc/whep-connection.js';
import type { Delivery, DeliveryChoice } from './delivery.js';
import type { PlayerPhase } from './player-phase.js';

/** Entry of the quality menu: `auto`, `audio`, or a rendition with a label such as `720p`. */
export type QualityChoice = { id: string; label: string };

/** State of a player that the page renders. */
export type PlayerView = {
  phase: PlayerPhase;
  audioOnly: boolean;
  /** Empty where the browser selects renditions itself (native HLS). */
  choices: QualityChoice[];
  chosenId: string;
  /** Seconds from the broadcast's clock to the screen; missing while unknown, and in recordings. */
  latencyS?: number;
  /** The latency is the way from the server alone: half the round trip and the jitter buffer. */
  isLatencyEstimated?: boolean;
  /** Media time of the frame on screen, Unix ms by the server's clock. */
  playbackTimeMs?: number;
  delivery: Delivery;
  /** Delivery chosen by the viewer; missing where only HLS is possible. */
  deliveryChoice?: DeliveryChoice;
  /** Sentence on why WebRTC does not play. */
  deliveryNote?: string;
  /** True when latency exceeds the target by more than hls.js makes up for. */
  isLate: boolean;
  /** The browser's autoplay policy allowed playback only muted. */
  mutedByBrowser: boolean;
};

export const NO_PLAYER: PlayerView = {
  phase: 'none',
  audioOnly: false,
  choices: [],
  chosenId: 'auto',
  delivery: 'hls',
  isLate: false,
  mutedByBrowser: false,
};

/** Counters since the page was opened or the player was last replaced; for the console and for tests. */
export type PlayerStats = {
  phase: PlayerPhase;
  delivery: Delivery;
  /** Kind of the last failure of WebRTC, and the server's message. */
  fallback?: string;
  /** Times that WebRTC began to play, and times that HLS took over from it. */
  upgrades?: number;
  fallbacks?: number;
  /** Only while WebRTC delivers. */
  webrtc?: WhepMeasurements;
  /** Seconds from the broadcast's clock to the screen. */
  latencyS: number | undefined;
  /** Distance from the end of the playlist, s, and that which hls.js aims at; undefined by WebRTC. */
  edgeDistanceS: number | undefined;
  targetLatencyS: number | undefined;
  /** Label of the level that plays, and of all levels. */
  level: string | undefined;
  levels: string[];
  levelSwitches: number;
  /** Stalls for lack of data, and their total duration. */
  stalls: number;
  stalledMs: number;
  /** Seconds of media ahead of the playhead. */
  bufferedS: number;
  /** Bits per second: received by WebRTC, of the rendition by HLS. */
  bitrate: number | undefined;
  playbackRate: number;
  droppedFrames: number;
  totalFrames: number;
  /** Times the player was created anew after an error. */
  rebuilds: number;
  /** The latest errors, oldest first, at most 50. */
  errors: string[];
};

/** Player of one live stream, or of a recording, in one video element. It recovers from failures until it is closed. */
export type LivePlayer = {
  start(): void;
  view(): PlayerView;
  stats(): PlayerStats;
  /** Selects one of `view().choices` by id or label; applied later when the choices are not known yet. */
  chooseQuality(id: string): void;
  /** Missing where only HLS is possible. */
  chooseDelivery?(choice: DeliveryChoice): void;
  goLive(): void;
  /** Seeks to a date, Unix ms by the server's clock; missing where only the live edge is played. */
  seekToDate?(dateMs: number): void;
  /** Starts playback that the autoplay policy refused; call it from a click handler. */
  play(): void;
  /** Releases the video element. */
  close(): void;
};

export type PlayerOptions = {
  video: HTMLVideoElement;
  /** Canvas that covers the video with the last frame while the video element has none. */
  still: HTMLCanvasElement;
  /** URL of the multivariant playlist. */
  url: string;
  /** A recording: there is no live edge to follow. */
  isRecording?: boolean;
  /** A rewind window of a running broadcast, from a date on (Unix ms by the server's clock). */
  rewind?: {
    dateMs: number;
    /** There is no such window. */
    onMissing: () => void;
  };
  /** The previous player was muted by the browser's autoplay policy. */
  mutedByBrowser?: boolean;
  /** `view()` may have changed. */
  onChange: () => void;
};
