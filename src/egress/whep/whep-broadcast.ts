import type { Cancel, Clock, Logger } from '../../platform/index.js';
import type {
  Broadcast,
  BroadcastEnd,
  BroadcastSubscription,
  Source,
  SourceReader,
} from '../../streams/index.js';
import type { WebrtcPool } from '../../webrtc/index.js';
import { type ViewingSession, viewingEndOf } from './viewing.js';
import { WebrtcRenditionSource } from './webrtc-rendition-source.js';

export type WhepBroadcastOptions = {
  broadcast: Broadcast;
  pool: Pick<WebrtcPool, 'receiveRtp' | 'setMediaSource' | 'closeViewerGroup'>;
  /** How long a rendition goes on after the last viewer has left, in ms. */
  lingerMs: number;
  clock: Clock;
  log: Logger;
};

/** A publication, and what its timeline has once it has begun. */
type Publication = { source: Source; has: { audio: boolean; video: boolean } | undefined };

/** Viewers are told how many they are this often at most, ms. */
const COUNT_EVERY_MS = 1_000;
/** A source that could not be shown is tried again when somebody asks for it after so long, ms. */
const REST_MS = 60_000;
const UNAVAILABLE = 'The server cannot make this broadcast ready for WebRTC.';

/** What WebRTC viewers of one broadcast watch: keeps the SFU's channel fed while publishers and protocols change. */
export class WhepBroadcast implements BroadcastSubscription {
  readonly broadcast: Broadcast;
  readonly #options: WhepBroadcastOptions;
  readonly #log: Logger;
  readonly #viewings = new Set<ViewingSession>();
  /** Those whose connection is established. */
  readonly #connected = new Set<ViewingSession>();
  /** The current publication, once its timeline has begun. */
  #source: Publication | undefined;
  #bridge: WebrtcRenditionSource | undefined;
  /** Bridges that are closing, too. */
  readonly #bridges = new Set<WebrtcRenditionSource>();
  /** When the current source turned out not to be presentable, on the monotonic clock. */
  #failedAt: number | undefined;
  #over: BroadcastEnd | undefined;
  #cancelLinger: Cancel = () => {};
  #cancelCount: Cancel | undefined;
  /** Viewers that are being negotiated. */
  #expected = 0;

  constructor(options: WhepBroadcastOptions) {
    this.#options = options;
    this.broadcast = options.broadcast;
    this.#log = options.log.child({ streamId: this.broadcast.streamId, broadcastId: this.broadcast.id });
  }

  /** Those that are connected. */
  get viewers(): number {
    return this.#connected.size;
  }

  /** Whether viewers may come: not when the broadcast is over or its source cannot be shown. */
  get state(): 'open' | 'unavailable' | 'over' {
    if (this.#over !== undefined) return 'over';
    return this.#failed ? 'unavailable' : 'open';
  }

  get #failed(): boolean {
    const { clock } = this.#options;
    return this.#failedAt !== undefined && clock.monotonic() - this.#failedAt < REST_MS;
  }

  /** A viewer is about to come: gets the picture ready meanwhile. Call the returned function when they are in, or not. */
  expect(): () => void {
    this.#expected++;
    this.#cancelLinger();
    this.#feed();
    let awaited = true;
    return () => {
      if (!awaited) return;
      awaited = false;
      this.#expected--;
      this.#lingerIfEmpty();
    };
  }

  add(viewing: ViewingSession): void {
    if (this.#over !== undefined) {
      viewing.end(viewingEndOf(this.#over));
      viewing.peer.close();
      return;
    }
    this.#viewings.add(viewing);
    void viewing.connected.then(() => {
      if (!this.#viewings.has(viewing)) return;
      this.#connected.add(viewing);
      this.#countSoon();
    });
    void viewing.ended.then(() => {
      this.#viewings.delete(viewing);
      this.#connected.delete(viewing);
      this.#countSoon();
      this.#lingerIfEmpty();
    });
  }

  publicationStarted(source: Source): void {
    const publication: Publication = { source, has: undefined };
    this.#source = publication;
    this.#failedAt = undefined;
    const reader: SourceReader = {
      restart: (_startedAt, has) => {
        if (this.#source !== publication) return;
        const { has: before } = publication;
        const same = before?.audio === has.audio && before.video === has.video;
        publication.has = has;
        // The rendition follows a source that begins anew; only other tracks need other ports.
        if (!same) this.#dropBridge();
        this.#feed();
      },
      write() {},
      end: () => {
        if (this.#source !== publication) return;
        this.#source = undefined;
        this.#dropBridge();
        this.#show(undefined);
      },
    };
    source.read(reader);
  }

  async broadcastEnded(reason: BroadcastEnd): Promise<void> {
    this.#over = reason;
    this.#source = undefined;
    this.#cancelLinger();
    this.#cancelCount?.();
    this.#dropBridge();
    const end = viewingEndOf(reason);
    for (const viewing of this.#viewings) viewing.end(end);
    this.#options.pool.closeViewerGroup(this.broadcast.id, end.message);
    await Promise.all([...this.#bridges].map((bridge) => bridge.closed));
  }

  /** Gives viewers what there is: RTP as it comes, anything else by a bridge as long as somebody watches. */
  #feed(): void {
    const { source, has } = this.#source ?? {};
    if (!source || !has) return;
    if (source.rtp) {
      this.#show(source.rtp.mediaSourceId);
      return;
    }
    if (this.#bridge || this.#failed || (this.#viewings.size === 0 && this.#expected === 0)) return;
    const { pool, clock } = this.#options;
    const bridge: WebrtcRenditionSource = new WebrtcRenditionSource({
      broadcast: this.broadcast,
      source,
      has,
      pool,
      show: (mediaSourceId) => {
        if (this.#bridge === bridge) this.#show(mediaSourceId);
      },
      failed: () => {
        if (this.#bridge === bridge) this.#giveUp();
      },
      clock,
      log: this.#log,
    });
    this.#bridge = bridge;
    this.#bridges.add(bridge);
    void bridge.closed.then(() => this.#bridges.delete(bridge));
  }

  #show(mediaSourceId: string | undefined): void {
    this.#options.pool.setMediaSource(this.broadcast.id, mediaSourceId);
    if (mediaSourceId !== undefined) this.broadcast.notice('webrtc', undefined);
  }

  #dropBridge(): void {
    if (!this.#bridge) return;
    const bridge = this.#bridge;
    this.#bridge = undefined;
    bridge.close();
  }

  /** Viewers fare better elsewhere than in front of a black picture. */
  #giveUp(): void {
    this.#bridge = undefined;
    this.#failedAt = this.#options.clock.monotonic();
    this.broadcast.notice('webrtc', `${UNAVAILABLE} Viewers get HLS.`);
    for (const viewing of this.#viewings) {
      viewing.end({ name: 'end', reason: 'unavailable', message: UNAVAILABLE });
      viewing.peer.close();
    }
  }

  #lingerIfEmpty(): void {
    if (this.#viewings.size > 0 || this.#expected > 0 || !this.#bridge) return;
    this.#cancelLinger();
    this.#cancelLinger = this.#options.clock.after(this.#options.lingerMs, () => {
      if (this.#viewings.size > 0 || this.#expected > 0 || !this.#bridge) return;
      this.#log.info('nobody watches by WebRTC any more: the realtime rendition ends');
      this.#dropBridge();
      this.#show(undefined);
    });
  }

  #countSoon(): void {
    if (this.#over !== undefined) return;
    this.#cancelCount ??= this.#options.clock.after(COUNT_EVERY_MS, () => {
      this.#cancelCount = undefined;
      for (const viewing of this.#viewings) viewing.count(this.#connected.size);
    });
  }
}
