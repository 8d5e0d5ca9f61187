import type { Packager } from '../packager/index.js';
import type { Clock, Logger } from '../platform/index.js';
import type { StreamChange, Streams, Thumbnails } from '../streams/index.js';
import { type PictureTool, stillPicture } from './still-picture.js';

/** How often it is looked whose turn it is, ms: so many pictures are made at most. */
const LOOK_MS = 1_000;
/** Broadcasts often begin with a black picture: the first one is taken so long after they are live, ms. */
const SETTLE_MS = 3_000;

export type ThumbnailCapturesOptions = {
  streams: Pick<Streams, 'find' | 'onChange'>;
  packager: Pick<Packager, 'find'>;
  thumbnails: Pick<Thumbnails, 'capture'>;
  ffmpeg: PictureTool;
  /** Ms from one picture of a broadcast to the next; 0: none are made. */
  interval: number;
  /** Pixels of the largest picture that is decoded. */
  maxPixels: number;
  clock: Clock;
  log: Logger;
};

/** A broadcast that is under way. `dueAt`: monotonic ms. */
type Turn = { streamId: string; broadcastId: string; live: boolean; dueAt: number };

/**
 * Takes a picture of every broadcast now and then, for livestreams that nobody gave one. One at a time, whoever has waited
 * longest: where there are too many broadcasts, or ffmpeg hangs, pictures become rarer and nothing piles up.
 */
export class ThumbnailCaptures {
  readonly #options: ThumbnailCapturesOptions;
  /** By livestream. */
  readonly #turns = new Map<string, Turn>();
  readonly #life = new AbortController();
  #stopListening: () => void = () => {};
  #current: Promise<void> | undefined;

  constructor(options: ThumbnailCapturesOptions) {
    this.#options = options;
  }

  /** To be called before the first broadcast is live. */
  start(): void {
    const { streams, interval, clock } = this.#options;
    if (interval === 0) return;
    this.#stopListening = streams.onChange((change) => this.#changed(change));
    clock.every(LOOK_MS, () => this.#look(), this.#life.signal);
  }

  /** Resolves when no process is left. Idempotent. */
  async close(): Promise<void> {
    this.#stopListening();
    this.#life.abort();
    await this.#current;
  }

  #changed({ streamId, broadcastId, to }: StreamChange): void {
    if (to.name === 'ending' || to.name === 'offline') {
      this.#turns.delete(streamId);
      return;
    }
    const known = this.#turns.get(streamId);
    const turn =
      known?.broadcastId === broadcastId ? known : { streamId, broadcastId, live: false, dueAt: 0 };
    this.#turns.set(streamId, turn);
    turn.live = to.name === 'live';
    if (turn.live) turn.dueAt = Math.max(turn.dueAt, this.#options.clock.monotonic() + SETTLE_MS);
  }

  #look(): void {
    if (this.#current) return;
    const now = this.#options.clock.monotonic();
    let next: Turn | undefined;
    for (const turn of this.#turns.values())
      if (turn.live && turn.dueAt <= now && (!next || turn.dueAt < next.dueAt)) next = turn;
    if (!next) return;
    this.#current = this.#capture(next, now).finally(() => {
      this.#current = undefined;
    });
  }

  async #capture(turn: Turn, now: number): Promise<void> {
    const { streams, packager, thumbnails, ffmpeg, interval, maxPixels, clock, log } = this.#options;
    const { streamId, broadcastId } = turn;
    turn.dueAt = now + interval;
    const media = packager.find(streamId, broadcastId)?.newestKeyframe();
    if (!media) {
      // Sound alone, or pictures by WebRTC alone as yet.
      turn.dueAt = now + Math.min(interval, SETTLE_MS);
      return;
    }
    try {
      const livestream = await streams.find(streamId);
      if (livestream?.thumbnailUrl !== null) return;
      const picture = await stillPicture(ffmpeg, media, { clock, maxPixels, signal: this.#life.signal });
      // Of a broadcast that has ended meanwhile, and may be removed, nothing new is kept.
      if (this.#turns.get(streamId) === turn) thumbnails.capture(streamId, picture);
    } catch (error) {
      log.debug({ err: error, streamId, broadcastId }, 'no picture could be taken of the broadcast');
    }
  }
}
