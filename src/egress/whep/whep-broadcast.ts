import { type Cancel, type Clock, type Logger, newId } from '../../platform/index.js';
import {
  type Broadcast,
  type BroadcastEnd,
  type BroadcastSubscription,
  PUBLICATION_END,
  type Source,
  type SourceReader,
} from '../../streams/index.js';
import type { WebrtcPool } from '../../webrtc/index.js';
import { PauseSlate } from './pause-slate.js';
import { SlateDisplay } from './slate-display.js';
import { viewerSessionEndOf, type WebrtcViewerSession } from './viewer-session.js';
import { WebrtcRenditionSource } from './webrtc-rendition-source.js';

export type WhepBroadcastOptions = {
  broadcast: Broadcast;
  pool: Pick<WebrtcPool, 'receiveRtp' | 'receiveSlate' | 'setMediaSource' | 'closeViewerGroup'>;
  /** Time that a rendition continues after its last viewer has left, ms. */
  lingerMs: number;
  clock: Clock;
  log: Logger;
};

/** Publication and the tracks of its timeline once that has begun. */
type Publication = {
  source: Source;
  has: { audio: boolean; video: boolean } | undefined;
  /** Of media in the SFU. */
  pauseSlate: PauseSlate | undefined;
};

/** Minimum interval of `viewercount` events, ms. */
const VIEWER_COUNT_INTERVAL_MS = 1_000;
/** Time after which the next viewer causes another attempt at a source that failed, ms. */
const RETRY_UNAVAILABLE_MS = 60_000;
const UNAVAILABLE = 'The server cannot encode this broadcast for WebRTC.';

/** Keeps the media source of one broadcast's viewer group set while publishers and protocols change. */
export class WhepBroadcast implements BroadcastSubscription {
  readonly broadcast: Broadcast;
  readonly #options: WhepBroadcastOptions;
  readonly #log: Logger;
  readonly #sessions = new Set<WebrtcViewerSession>();
  /** Sessions whose connection is established. */
  readonly #connected = new Set<WebrtcViewerSession>();
  /** Current publication. */
  #source: Publication | undefined;
  #renditionSource: WebrtcRenditionSource | undefined;
  /** Includes sources that are closing. */
  readonly #openRenditionSources = new Set<WebrtcRenditionSource>();
  /** Monotonic time when the rendition of the current source was given up, ms. */
  #failedAt: number | undefined;
  /** Present while the broadcast waits for a publisher and has viewers, and until the next source is set. */
  #slate: SlateDisplay | undefined;
  readonly #openSlates = new Set<SlateDisplay>();
  /** The publisher was lost; the broadcast waits for another. */
  #isWaiting = false;
  #endReason: BroadcastEnd | undefined;
  #cancelRenditionStop: Cancel = () => {};
  #cancelViewerCount: Cancel | undefined;
  /** Number of viewers in negotiation. */
  #expectedViewers = 0;

  constructor(options: WhepBroadcastOptions) {
    this.#options = options;
    this.broadcast = options.broadcast;
    this.#log = options.log.child({ streamId: this.broadcast.streamId, broadcastId: this.broadcast.id });
  }

  /** Number of connected viewers. */
  get viewers(): number {
    return this.#connected.size;
  }

  /** `over`: the broadcast has ended; `unavailable`: its source has no WebRTC rendition; otherwise viewers are accepted. */
  get state(): 'open' | 'unavailable' | 'over' {
    if (this.#endReason !== undefined) return 'over';
    return this.#failed ? 'unavailable' : 'open';
  }

  get #failed(): boolean {
    const { clock } = this.#options;
    return this.#failedAt !== undefined && clock.monotonic() - this.#failedAt < RETRY_UNAVAILABLE_MS;
  }

  /** Starts the rendition while a viewer negotiates. @returns a function to call when the negotiation has ended. */
  expectViewer(): () => void {
    this.#expectedViewers++;
    this.#cancelRenditionStop();
    this.#provideMedia();
    let awaited = true;
    return () => {
      if (!awaited) return;
      awaited = false;
      this.#expectedViewers--;
      this.#scheduleRenditionStop();
    };
  }

  /** @param isViewer whether viewer counts include it */
  addSession(session: WebrtcViewerSession, isViewer = true): void {
    if (this.#endReason !== undefined) {
      session.endSession(viewerSessionEndOf(this.#endReason));
      session.peer.close();
      return;
    }
    this.#sessions.add(session);
    void session.connected.then(() => {
      if (!isViewer || !this.#sessions.has(session)) return;
      this.#connected.add(session);
      this.#scheduleViewerCount();
    });
    void session.ended.then(() => {
      this.#sessions.delete(session);
      this.#connected.delete(session);
      this.#scheduleViewerCount();
      this.#scheduleRenditionStop();
    });
  }

  publicationStarted(source: Source): void {
    const publication: Publication = { source, has: undefined, pauseSlate: this.#pauseSlateOf(source) };
    this.#source = publication;
    this.#failedAt = undefined;
    this.#isWaiting = false;
    const reader: SourceReader = {
      restart: (_startedAt, has) => {
        if (this.#source !== publication) return;
        const { has: before } = publication;
        const same = before?.audio === has.audio && before.video === has.video;
        publication.has = has;
        // A rendition continues over a new timeline of its source; only other tracks need other ports.
        if (!same) this.#closeRenditionSource();
        this.#provideMedia();
      },
      write() {},
      pictureChanged: (state) => publication.pauseSlate?.set(state),
      end: (reason) => {
        publication.pauseSlate?.set('flowing');
        if (this.#source !== publication) return;
        this.#source = undefined;
        this.#closeRenditionSource();
        this.#isWaiting = PUBLICATION_END[reason].broadcast === 'hold';
        // The slate of an earlier wait goes on: the publication had no media.
        if (!this.#slate) this.#setMediaSource(undefined);
        this.#provideSlate();
      },
    };
    source.read(reader);
  }

  async broadcastEnded(reason: BroadcastEnd): Promise<void> {
    this.#endReason = reason;
    const pauseSlate = this.#source?.pauseSlate;
    pauseSlate?.set('flowing');
    this.#source = undefined;
    this.#cancelRenditionStop();
    this.#cancelViewerCount?.();
    this.#closeRenditionSource();
    this.#closeSlate();
    const end = viewerSessionEndOf(reason);
    for (const session of this.#sessions) session.endSession(end);
    this.#options.pool.closeViewerGroup(this.broadcast.id, end.message);
    const open = [...this.#openRenditionSources, ...this.#openSlates].map(({ closed }) => closed);
    await Promise.all([...open, pauseSlate?.closed]);
  }

  /** Sets the media source: RTP as published, otherwise a rendition while there are viewers. */
  #provideMedia(): void {
    this.#provideSlate();
    this.#source?.pauseSlate?.provide();
    const { source, has } = this.#source ?? {};
    if (!source || !has) return;
    if (source.rtp) {
      this.#setMediaSource(source.rtp.mediaSourceId);
      return;
    }
    if (this.#renditionSource || this.#failed || !this.#hasViewers) return;
    const { pool, clock } = this.#options;
    const renditionSource: WebrtcRenditionSource = new WebrtcRenditionSource({
      broadcast: this.broadcast,
      source,
      has,
      pool,
      setMediaSource: (mediaSourceId) => {
        if (this.#renditionSource === renditionSource) this.#setMediaSource(mediaSourceId);
      },
      failed: () => {
        if (this.#renditionSource === renditionSource) this.#markUnavailable();
      },
      clock,
      log: this.#log,
    });
    this.#renditionSource = renditionSource;
    this.#openRenditionSources.add(renditionSource);
    void renditionSource.closed.then(() => this.#openRenditionSources.delete(renditionSource));
  }

  /** Shows a slate to viewers while the broadcast waits for its publisher. */
  #provideSlate(): void {
    if (!this.#isWaiting || this.#slate || !this.#hasViewers) return;
    const { pool, clock } = this.#options;
    let mediaSourceId = '';
    const slate: SlateDisplay = new SlateDisplay({
      ...{ clock, log: this.#log },
      render: (signal) => this.broadcast.renderWebrtcSlate('h264', signal),
      open: async () => {
        mediaSourceId = newId();
        const input = await pool.receiveRtp({ mediaSourceId, video: { codec: 'h264' } });
        const { h264: pictures, closed } = input;
        return pictures && { pictures, closed, close: () => input.close() };
      },
      begun: () => {
        if (this.#slate === slate) pool.setMediaSource(this.broadcast.id, mediaSourceId);
        this.#log.info({ mediaSourceId }, 'slate shown to WebRTC viewers');
      },
    });
    this.#slate = slate;
    this.#openSlates.add(slate);
    void slate.closed.then(() => this.#openSlates.delete(slate));
  }

  #pauseSlateOf(source: Source): PauseSlate | undefined {
    const { rtp } = source;
    if (!rtp) return undefined;
    const { pool, clock } = this.#options;
    return new PauseSlate({
      ...{ broadcast: this.broadcast, source, mediaSourceId: rtp.mediaSourceId, pool },
      hasViewers: () => this.#hasViewers,
      ...{ clock, log: this.#log },
    });
  }

  #closeSlate(): void {
    this.#slate?.close();
    this.#slate = undefined;
  }

  get #hasViewers(): boolean {
    return this.#sessions.size > 0 || this.#expectedViewers > 0;
  }

  #setMediaSource(mediaSourceId: string | undefined): void {
    this.#closeSlate();
    this.#options.pool.setMediaSource(this.broadcast.id, mediaSourceId);
    if (mediaSourceId !== undefined) this.broadcast.notice('webrtc', undefined);
  }

  #closeRenditionSource(): void {
    if (!this.#renditionSource) return;
    const renditionSource = this.#renditionSource;
    this.#renditionSource = undefined;
    renditionSource.close();
  }

  /** Ends all sessions so that players fall back to HLS instead of showing black video. */
  #markUnavailable(): void {
    this.#renditionSource = undefined;
    this.#failedAt = this.#options.clock.monotonic();
    this.broadcast.notice('webrtc', `${UNAVAILABLE} Viewers use HLS.`);
    for (const session of this.#sessions) {
      session.endSession({ name: 'end', reason: 'unavailable', message: UNAVAILABLE });
      session.peer.close();
    }
  }

  #scheduleRenditionStop(): void {
    if (this.#hasViewers || !(this.#renditionSource || this.#slate)) return;
    this.#cancelRenditionStop();
    this.#cancelRenditionStop = this.#options.clock.after(this.#options.lingerMs, () => {
      if (this.#hasViewers || !(this.#renditionSource || this.#slate)) return;
      this.#log.info('WebRTC rendition stopped: no viewers');
      this.#closeRenditionSource();
      this.#setMediaSource(undefined);
    });
  }

  #scheduleViewerCount(): void {
    if (this.#endReason !== undefined) return;
    this.#cancelViewerCount ??= this.#options.clock.after(VIEWER_COUNT_INTERVAL_MS, () => {
      this.#cancelViewerCount = undefined;
      for (const session of this.#sessions) session.setViewerCount(this.#connected.size);
    });
  }
}
