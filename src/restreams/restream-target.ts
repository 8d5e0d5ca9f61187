import type { TargetErrorCode } from './target-error.js';

export type TargetProtocol = 'rtmp' | 'rtmps' | 'srt' | 'whip';

/** Secrets of a target; stored encrypted. */
export type TargetSecret = {
  /** RTMP: without the key. */
  url: string;
  /** RTMP: stream key; SRT: `streamid`; WHIP: bearer token. */
  key?: string;
  /** SRT only. */
  passphrase?: string;
};

/** State of a target's output. `idle`: disabled, or nothing is broadcast. */
export type OutputState = 'idle' | 'connecting' | 'live' | 'failing';

export type OutputStatus = {
  state: OutputState;
  since: Date;
  /** Last error as a sentence for people; stays until the output is live. */
  error: string | null;
  errorCode: TargetErrorCode | null;
  /** Bits per second over the last seconds. */
  bitrateBps: number | null;
  /** Frames left out since the output began, because the target was too slow. */
  droppedFrames: number;
  /** Livestream that is sent. */
  streamId: string | null;
};

/** Livestream or account that a target belongs to. */
export type TargetOwner = { streamId: string } | { userId: string };

/** A stored target, without its secrets. */
export type RestreamTarget = {
  id: string;
  /** Exactly one of both is set. */
  userId: string | null;
  streamId: string | null;
  name: string;
  protocol: TargetProtocol;
  /** URL and key, masked. */
  shownUrl: string;
  shownKey: string | null;
  enabled: boolean;
  createdAt: Date;
  status: OutputStatus;
};

/** Settings of a target, as its owner writes them. */
export type TargetRequest = {
  name: string;
  url: string;
  key?: string | undefined;
  passphrase?: string | undefined;
  enabled?: boolean | undefined;
};
