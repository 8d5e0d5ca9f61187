import { type Cancel, type Clock, type Logger, newId } from '../../platform/index.js';
import {
  type Broadcast,
  type BroadcastEnd,
  type BroadcastSubscription,
  PUBLICATION_END,
  type Source,
  type SourceReader,
} from '../../streams/index.js';
import type { ViewerPlan, WebrtcPool } from '../../webrtc/index.js';
import { PauseSlate } from './pause-slate.js';
import { SlateDisplay } from './slate-display.js';
import { type MediaSources, type TakenCodec, takenCodec, ViewerGroups } from './viewer-groups.js';
import { viewerSessionEndOf, type WebrtcViewerSession } from './viewer-session.js';
import { WebrtcRenditionSource, type WebrtcRenditionSourceOptions } from './webrtc-rendition-source.js';

export type WhepBroadcastOptions = {
  broadcast: Broadcast;
  pool: Pick<
    WebrtcPool,
    'receiveRtp' | 'receiveSlate' | 'setMediaSource' | 'forgetMedia' | 'closeViewerGroup'
  >;
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
  /** Its video cannot be passed to viewers that take its codec. */
  isUnpassable: boolean;
};

/** Minimum interval of `viewercount` events, ms. */
const VIEWER_COUNT_INTERVAL_MS = 1_000;
/** Time after which the next viewer causes another attempt at a source that failed, ms. */
const RETRY_UNAVAILABLE_MS = 60_000;
const UNAVAILABLE = 'The server cannot encode this broadcast for WebRTC.';

/** Keeps the media sources of one broadcast's viewer groups set while publishers and protocols change. */
export class WhepBroadcast implements BroadcastSubscription {
  readonly broadcast: Broadcast;
  readonly #options: WhepBroadcastOptions;
  readonly #log: Logger;
  readonly #groups: ViewerGroups;
  #mediaSources: MediaSources = {};
  readonly #sessions = new Set<WebrtcViewerSession>();
  /** Sessions whose connection is established. */
  readonly #connected = new Set<WebrtcViewerSession>();
  /** Current publication. */
  #source: Publication | undefined;
  /** H.264, and the source as it is for viewers that take its codec. */
  #renditionSource: WebrtcRenditionSource | undefined;
  #passedSource: WebrtcRenditionSource | undefined;
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
  #cancelRenditionStop: Cancel | undefined;
  #cancelViewerCount: Cancel | undefined;

  constructor(options: WhepBroadcastOptions) {
    this.#options = options;
    this.broadcast = options.broadcast;
    this.#groups = new ViewerGroups(options.broadcast.id, options.pool);
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

  /** Returns the id of the viewer group that a viewer is to join. */
  groupOf(plan: ViewerPlan): string {
    return this.#groups.idOf(plan);
  }

  /** Starts the rendition while a viewer negotiates. @returns a function to call when the negotiation has ended. */
  expectViewer(groupId: string): () => void {
    const leave = this.#groups.hold(groupId);
    this.#scheduleRenditionStop();
    this.#provideMedia();
    return () => {
      leave();
      this.#scheduleRenditionStop();
    };
  }

  /** @param isViewer whether viewer counts include it */
  addSession(session: WebrtcViewerSession, groupId: string, isViewer = true): void {
    if (this.#endReason !== undefined) {
      session.endSession(viewerSessionEndOf(this.#endReason));
      session.peer.close();
      return;
    }
    this.#sessions.add(session);
    const leave = this.#groups.hold(groupId);
    void session.connected.then(() => {
      if (!isViewer || !this.#sessions.has(session)) return;
      this.#connected.add(session);
      this.#scheduleViewerCount();
    });
    void session.ended.then(() => {
      this.#sessions.delete(session);
      this.#connected.delete(session);
      leave();
      this.#scheduleViewerCount();
      this.#scheduleRenditionStop();
    });
  }

  testEnding(): void {
    this.#options.pool.forgetMedia(this.broadcast.id);
  }

  publicationStarted(source: Source): void {
    const publication: Publication = {
      ...{ source, has: undefined, pauseSlate: this.#pauseSlateOf(source) },
      isUnpassable: false,
    };
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
        if (!same) this.#closeRenditionSources();
        this.#provideMedia();
      },
      write() {},
      pictureChanged: (state) => publication.pauseSlate?.set(state),
      end: (reason) => {
        publication.pauseSlate?.set('flowing');
        if (this.#source !== publication) return;
        this.#source = undefined;
        this.#closeRenditionSources();
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
    this.#cancelRenditionStop?.();
    this.#cancelViewerCount?.();
    this.#closeRenditionSources();
    this.#closeSlate();
    const end = viewerSessionEndOf(reason);
    for (const session of this.#sessions) session.endSession(end);
    this.#groups.close(end.message);
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
    if (this.#failed) return;
    const taken = this.#takenCodec;
    if (taken && !this.#passedSource && this.#groups.has({ taking: taken }))
      this.#passedSource = this.#openPassedSource(taken);
    if (!this.#renditionSource && this.#groups.has({ notTaking: taken }))
      this.#renditionSource = this.#openRenditionSource();
    this.#scheduleRenditionStop();
  }

  /** Codec of the source that is passed to viewers that take it. */
  get #takenCodec(): TakenCodec | undefined {
    const { source, isUnpassable } = this.#source ?? {};
    return source?.rtp || isUnpassable ? undefined : takenCodec(source?.info.video?.codec);
  }

  #openRenditionSource(): WebrtcRenditionSource {
    const opened: WebrtcRenditionSource = this.#openSource({
      codec: 'h264',
      setMediaSource: (mediaSourceId) => {
        if (this.#renditionSource === opened) this.#setMediaSource(mediaSourceId);
      },
      unpassable: () => {},
      failed: () => {
        if (this.#renditionSource === opened) this.#markUnavailable();
      },
    });
    return opened;
  }

  #openPassedSource(codec: TakenCodec): WebrtcRenditionSource {
    const publication = this.#source;
    const unpassable = (): void => {
      if (this.#passedSource !== opened) return;
      this.#passedSource = undefined;
      if (publication) publication.isUnpassable = true;
      this.#provideMedia();
    };
    const opened: WebrtcRenditionSource = this.#openSource({
      codec,
      setMediaSource: (mediaSourceId) => {
        if (this.#passedSource === opened)
          this.#setPassed(mediaSourceId === undefined ? undefined : { codec, mediaSourceId });
      },
      unpassable,
      failed: unpassable,
    });
    return opened;
  }

  #openSource(
    options: Pick<WebrtcRenditionSourceOptions, 'codec' | 'setMediaSource' | 'unpassable' | 'failed'>,
  ): WebrtcRenditionSource {
    const { pool, clock } = this.#options;
    const { source, has } = this.#source!;
    const opened = new WebrtcRenditionSource({
      ...{ broadcast: this.broadcast, source, has: has!, pool, clock, log: this.#log },
      ...options,
    });
    this.#openRenditionSources.add(opened);
    void opened.closed.then(() => this.#openRenditionSources.delete(opened));
    return opened;
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
        const { pictures, closed } = input;
        return pictures && { pictures, closed, close: () => input.close() };
      },
      begun: () => {
        if (this.#slate === slate) this.#setSources({ common: mediaSourceId });
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
    return this.#groups.has();
  }

  /** Sets the media source of all viewers but those that get the source as it is. */
  #setMediaSource(mediaSourceId: string | undefined): void {
    this.#closeSlate();
    this.#setSources({ ...this.#mediaSources, common: mediaSourceId });
    if (mediaSourceId !== undefined) this.broadcast.notice('webrtc', undefined);
  }

  #setPassed(passed: MediaSources['passed']): void {
    this.#setSources({ ...this.#mediaSources, passed });
    if (!passed) return;
    this.broadcast.notice('webrtc', undefined);
    // Viewers that take H.264 alone have the slate of a wait until they have a media source.
    if (this.#slate && !this.#groups.has({ notTaking: passed.codec })) this.#setMediaSource(undefined);
  }

  #setSources(sources: MediaSources): void {
    this.#mediaSources = sources;
    this.#groups.setSources(sources);
  }

  #closeRenditionSources(): void {
    const open = [this.#renditionSource, this.#passedSource];
    this.#renditionSource = undefined;
    this.#passedSource = undefined;
    if (this.#mediaSources.passed) this.#setPassed(undefined);
    for (const renditionSource of open) renditionSource?.close();
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

  /** Renditions and slates that no viewer needs. */
  get #unneeded(): { rendition: boolean; passed: boolean; slate: boolean } {
    const taken = this.#takenCodec;
    return {
      rendition: this.#renditionSource !== undefined && !this.#groups.has({ notTaking: taken }),
      passed: this.#passedSource !== undefined && !(taken && this.#groups.has({ taking: taken })),
      slate: this.#slate !== undefined && !this.#hasViewers,
    };
  }

  #scheduleRenditionStop(): void {
    if (!Object.values(this.#unneeded).includes(true)) {
      this.#cancelRenditionStop?.();
      this.#cancelRenditionStop = undefined;
      return;
    }
    this.#cancelRenditionStop ??= this.#options.clock.after(this.#options.lingerMs, () => {
      this.#cancelRenditionStop = undefined;
      this.#stopUnneeded();
    });
  }

  #stopUnneeded(): void {
    const { rendition, passed, slate } = this.#unneeded;
    if (rendition || passed) this.#log.info('WebRTC rendition stopped: no viewers');
    const open = [passed ? this.#passedSource : undefined, rendition ? this.#renditionSource : undefined];
    if (passed) {
      this.#passedSource = undefined;
      this.#setPassed(undefined);
    }
    if (rendition) this.#renditionSource = undefined;
    for (const renditionSource of open) renditionSource?.close();
    if (rendition || slate) this.#setMediaSource(undefined);
  }

  #scheduleViewerCount(): void {
    if (this.#endReason !== undefined) return;
    this.#cancelViewerCount ??= this.#options.clock.after(VIEWER_COUNT_INTERVAL_MS, () => {
      this.#cancelViewerCount = undefined;
      for (const session of this.#sessions) session.setViewerCount(this.#connected.size);
    });
  }
}
