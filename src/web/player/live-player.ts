import type { PlayerPhase } from '../pages/playback-state.js';
import type { WhepMeasures } from '../webrtc/whep-connection.js';
import type { Delivery, DeliveryChoice } from './delivery.js';

/** One line of the quality menu: `auto`, `audio`, or one rendition, whose label is such as `720p`. */
export type Choice = { id: string; label: string };

/** What the page shows of a player. */
export type PlayerView = {
  phase: PlayerPhase;
  audioOnly: boolean;
  /** Empty where the browser chooses by itself (native HLS). */
  choices: Choice[];
  chosen: string;
  /** Seconds behind live; undefined while unknown. By WebRTC an estimate: the way here and the browser's buffer. */
  behind?: number;
  /** When the picture on the screen was, Unix ms by the server's clock; missing where that is now. */
  pictureDate?: number;
  delivery: Delivery;
  /** What the viewer chose; missing where there is nothing to choose. */
  deliveryChoice?: DeliveryChoice;
  /** Why it is not WebRTC, in a line. */
  deliveryNote?: string;
  /** The viewer is further behind than the stream makes necessary. */
  late: boolean;
  /** The browser allowed playback only without sound. */
  silenced: boolean;
};

export const NO_PLAYER: PlayerView = {
  phase: 'none',
  audioOnly: false,
  choices: [],
  chosen: 'auto',
  delivery: 'hls',
  late: false,
  silenced: false,
};

/** Counters since the page was opened or the player last replaced; for the console and for tests. */
export type PlayerStats = {
  phase: PlayerPhase;
  delivery: Delivery;
  /** Why WebRTC was left, or could not be had, the last time: the kind of trouble, and what the server said. */
  fallback?: string;
  /** How often a picture by WebRTC began, and how often it was given up for HLS. */
  climbs?: number;
  falls?: number;
  /** Only while WebRTC delivers. */
  webrtc?: WhepMeasures;
  /** Seconds behind live as hls.js reckons it (by WebRTC: an estimate), and what it aims at. */
  latency: number | undefined;
  targetLatency: number | undefined;
  /** The level that plays, and all of them, as the menu names them. */
  level: string | undefined;
  levels: string[];
  levelSwitches: number;
  /** Times the picture stood still for want of data, and for how long in all. */
  stalls: number;
  stalledMs: number;
  /** Seconds of media ahead of the playhead. */
  buffered: number;
  playbackRate: number;
  droppedFrames: number;
  totalFrames: number;
  /** How often the player had to start from nothing after an error. */
  rebuilds: number;
  /** The latest errors, oldest first, at most 50. */
  errors: string[];
};

/** A player of one live stream in one video element. It recovers by itself until it is closed. */
export type LivePlayer = {
  start(): void;
  view(): PlayerView;
  stats(): PlayerStats;
  /** Takes one of `view().choices` by its id or label; before they are known, when they are. */
  choose(id: string): void;
  /** Missing where there is nothing to choose. */
  chooseDelivery?(choice: DeliveryChoice): void;
  goLive(): void;
  /** Plays after the browser had refused to; call it from a click. */
  play(): void;
  /** Resolves nothing and leaves nothing: the element is free again. */
  close(): void;
};

export type PlayerOptions = {
  video: HTMLVideoElement;
  /** Laid over the video: holds the last picture while the video element has none. */
  still: HTMLCanvasElement;
  /** Address of the multivariant playlist. */
  url: string;
  /** The page turned the sound off because the browser insisted, before this player took over. */
  silenced?: boolean;
  /** Something in `view()` may have changed. */
  onChange: () => void;
};
