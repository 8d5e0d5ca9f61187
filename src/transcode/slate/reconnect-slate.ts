import { type Logger, messageOf, sleep } from '../../platform/index.js';
import type { Broadcast, EncoderRunWriter } from '../../streams/index.js';
import { TIMELINE_START_MS } from '../ffmpeg/ffmpeg-arguments.js';
import type { Ladder } from '../hls/ladder.js';
import type { TranscodeSettings } from '../transcode-settings.js';
import type { Slate, SlateRequest } from './slate.js';
import { slateRenditions, WATCHED_MS } from './slate-plan.js';
import { SilentAudio, SlateVideo } from './slate-tracks.js';

export type ReconnectSlateOptions = {
  broadcast: Broadcast;
  request: SlateRequest;
  /** Gets silence; undefined: the broadcast has no audio. */
  audio: (NonNullable<Ladder['audio']> & { sampleRate: number | undefined }) | undefined;
  /** Renders the slate; undefined when there is no picture. */
  render(signal: AbortSignal): Promise<Slate | undefined>;
  /** Unix ms at which the publisher's media end. */
  mediaEndMs: number;
  /** Resolves when the last run of the publication is closed. */
  before: Promise<void>;
  settings: Pick<TranscodeSettings, 'clock'>;
  log: Logger;
};

type OpenSlate = { writer: EncoderRunWriter; slate: Slate; originMs: number };

/** Interval of writing, ms. */
const STEP_MS = 50;
/**
 * Distance of what is written from the wall clock, ms. At first it is ahead, as players have little left when the loss is
 * known; then it falls behind slowly, so that a publisher who returns begins behind it.
 */
const LAG_MS = { first: -400, last: 300 } as const;
/** Part of the passing time by which the lag grows: players do not notice. */
const LAG_GROWTH = 0.1;
/** Distance of the planned start before the end of the media, ms: the run is then moved exactly to it. */
const OVERLAP_MS = 100;
/** Maximum time before the publisher's run that the slate fills at the end, ms. */
const MAXIMUM_END_MS = 1_000;
/** Maximum time before the start that the slate fills, ms. */
const MAXIMUM_FILLED_MS = 3_000;

/**
 * Shows HLS viewers a slate while the broadcast waits for its publisher: an encoder run of its own, which ends when a later
 * run is published, or with the broadcast. Starts only when the broadcast is watched.
 */
export class ReconnectSlate {
  /** Resolves when nothing more is written and the run is closed. Never rejects. */
  readonly gone: Promise<void>;
  /** Resolves when its run is open, or will not be opened. */
  readonly opened: Promise<void>;
  readonly #options: ReconnectSlateOptions;
  readonly #stopped = new AbortController();
  #isOpen = false;

  constructor(options: ReconnectSlateOptions) {
    this.#options = options;
    const opening = this.#open().catch((error: unknown) => {
      if (!this.isEnding)
        options.log.warn({ reason: messageOf(error) }, 'no slate: viewers wait without one');
      return undefined;
    });
    this.opened = opening.then(() => {});
    this.gone = opening.then((open) => open && this.#show(open)).finally(() => this.#stopped.abort());
  }

  /** Whether it ends or has ended: a further wait needs another one. */
  get isEnding(): boolean {
    return this.#stopped.signal.aborted;
  }

  /** Ends the slate unless its run is open: that goes on until the publisher's is published. */
  publisherReturned(): void {
    if (!this.#isOpen) this.stop();
  }

  /** Ends the slate. */
  stop(): void {
    this.#stopped.abort();
  }

  async #open(): Promise<OpenSlate | undefined> {
    const { broadcast, request, audio, render, before, settings, log } = this.#options;
    const { signal } = this.#stopped;
    if (!broadcast.hlsDemand.isWithin(WATCHED_MS)) await this.#viewer();
    if (signal.aborted) return undefined;
    const [slate] = await Promise.all([render(signal), before]);
    if (!slate || signal.aborted) return undefined;
    const endMs = this.#options.mediaEndMs - OVERLAP_MS;
    const startMs = Math.max(endMs, settings.clock.now() - MAXIMUM_FILLED_MS);
    const originMs = startMs - TIMELINE_START_MS;
    const writer = await broadcast.openRun({
      renditions: slateRenditions(request, audio),
      originMs,
      slate: 'publisher-away',
    });
    this.#isOpen = true;
    log.info({ run: writer.index }, 'slate shown: the publisher is away');
    return { writer, slate, originMs };
  }

  /** Waits for a viewer. */
  #viewer(): Promise<void> {
    const { hlsDemand } = this.#options.broadcast;
    const { signal } = this.#stopped;
    return new Promise((resolve) => {
      const settled = new AbortController();
      const settle = (): void => {
        settled.abort();
        resolve();
      };
      hlsDemand.onRequest(settle, settled.signal);
      if (signal.aborted) settle();
      else signal.addEventListener('abort', settle, { once: true });
    });
  }

  async #show({ writer, slate, originMs }: OpenSlate): Promise<void> {
    const { request, audio, settings, log } = this.#options;
    const { clock } = settings;
    const begunMs = clock.now();
    try {
      const video = new SlateVideo(writer, slate, request, TIMELINE_START_MS);
      const silence = audio && new SilentAudio(writer, audio, TIMELINE_START_MS);
      writer.onSuperseded = (atMs) => {
        const untilMs = atMs - writer.delayMs - originMs;
        if (untilMs > video.endMs + MAXIMUM_END_MS) return;
        video.finish(untilMs);
        silence?.advance(video.endMs);
      };
      while (!this.#stopped.signal.aborted && !writer.isSuperseded) {
        const now = clock.now();
        const lagMs = Math.min(LAG_MS.last, LAG_MS.first + LAG_GROWTH * (now - begunMs));
        video.advance(now - lagMs - writer.delayMs - originMs);
        silence?.advance(video.endMs);
        await sleep(clock, STEP_MS, this.#stopped.signal);
      }
    } catch (error) {
      log.error({ err: error }, 'the slate was refused');
    }
    writer.close();
  }
}
