import {
  type AccessChange,
  ANONYMOUS,
  type Authenticate,
  type Identities,
  type IsInvitee,
  type Principal,
  userIdOf,
} from '../accounts/index.js';
import {
  BoundedCalls,
  type Clock,
  type Logger,
  PublicError,
  type Sql,
  Sweeper,
  sleep,
} from '../platform/index.js';
import type { SocketFeature, SocketHub } from '../sockets/index.js';
import {
  type AccessScope,
  type AdmittedViewer,
  BROADCAST_END,
  type StreamChange,
  type StreamStatus,
  type ViewerAdmission,
  type ViewerProtocol,
  type ViewerRequest,
} from '../streams/index.js';
import { AdmissionControl, type AdmissionRequest, type Admitted } from './admission-control.js';
import { AUDIENCE_LIMITS, type AudienceLimits } from './audience-limits.js';
import { HlsAccess } from './hls-access.js';
import { LivestreamCache, type WatchedLivestream } from './livestream-cache.js';
import { OpenAdmissions } from './open-admissions.js';
import {
  type AudienceClient,
  boundedReplay,
  type ReplayHistory,
  type SocketAdmission,
  SocketAudience,
} from './socket-audience.js';
import { NO_VIEWERS, type StreamAudience, type ViewerCounts, type ViewerMinute } from './stream-audience.js';
import { type AnalyzedTime, type ViewAnalysis, ViewHistoryTable } from './view-history-table.js';
import { ViewHistoryWriter } from './view-history-writer.js';
import { viewerAdmission } from './viewer-admission.js';
import { ViewerReview } from './viewer-review.js';
import { ViewerTokens } from './viewer-token.js';
import { RESUME_WINDOW_MS, Viewers } from './viewers.js';

export type AudienceOptions = {
  sql: Sql;
  livestreams: {
    find(streamId: string): Promise<WatchedLivestream | undefined>;
    invitees: { has: IsInvitee };
    raisePeak(streamId: string, viewers: number): Promise<void>;
    /** Reports changed livestreams, and whether their visibility or invitees may have changed. */
    onUpdate(listener: (streamId: string, accessChanged: boolean) => void): () => void;
  };
  streams: {
    /** From memory. */
    status(streamId: string): Pick<StreamStatus, 'state'>;
    onChange(listener: (change: StreamChange) => void): () => void;
  };
  authenticate: Authenticate;
  /** Bounds the time in which the database must answer viewers. */
  calls?: BoundedCalls;
  /** Current rights of identities that were admitted before. */
  identities: Pick<Identities, 'of' | 'current'>;
  /** Key that signs viewer tokens. */
  secret: Buffer;
  hub: Pick<SocketHub, 'broadcast'>;
  /** Replays the chat history to clients that join by the socket. */
  replayHistory?: ReplayHistory;
  clock: Clock;
  log: Logger;
  limits?: Partial<AudienceLimits>;
  /** Retention of the view history, days; 0 (default): unlimited. */
  keepDays?: number;
};

/** Views changed by one statement. */
const BATCH = 1_000;

export type Joined = { token: string; viewers: number; state: StreamStatus['state']['name'] };

/** Called with a new peak, at most once a minute per stream and at the end of its broadcast. Must not throw. */
export type PeakListener = (peak: { streamId: string; viewers: number }) => void;

const TICK_INTERVAL_MS = 1_000;
const MINUTES_INTERVAL_MS = 5_000;
const PEAK_INTERVAL_MS = 60_000;
/** Time to store pending changes on close. */
const CLOSE_TIMEOUT_MS = 5_000;

/** Admits, tracks and counts viewers, by one definition for every protocol. */
export class Audience implements ViewerAdmission {
  /** The socket events for joining and leaving. */
  readonly feature: SocketFeature;
  readonly #options: AudienceOptions;
  readonly #limits: AudienceLimits;
  readonly #table: ViewHistoryTable;
  readonly #writer: ViewHistoryWriter;
  readonly #viewers: Viewers;
  readonly #livestreams: LivestreamCache;
  readonly #tokens: ViewerTokens;
  readonly #admissionControl: AdmissionControl;
  readonly #hls: HlsAccess;
  readonly #admissions = new OpenAdmissions();
  readonly #review: ViewerReview;
  readonly #sockets: SocketAudience;
  readonly #peakListeners = new Set<PeakListener>();
  readonly #sweepers: Sweeper[];
  readonly #lifetime = new AbortController();
  #minutesAt = Number.NEGATIVE_INFINITY;
  #closed: Promise<void> | undefined;

  constructor(options: AudienceOptions) {
    this.#options = options;
    const { sql, livestreams, streams, authenticate, identities, secret, clock, log } = options;
    const { calls = new BoundedCalls({ clock }) } = options;
    this.#limits = { ...AUDIENCE_LIMITS, ...options.limits };
    const { viewers: maximumViewers, newViewers } = this.#limits;
    this.#table = new ViewHistoryTable(sql);
    const raisePeak = (streamId: string, peak: number): Promise<void> =>
      livestreams.raisePeak(streamId, peak);
    this.#writer = new ViewHistoryWriter({ table: this.#table, raisePeak, clock, log });
    this.#viewers = new Viewers({
      clock,
      maximumViewers,
      onViewChanged: (view) => this.#writer.addView(view),
    });
    this.#livestreams = new LivestreamCache({
      find: (streamId) => livestreams.find(streamId),
      isBroadcasting: (streamId) => streams.status(streamId).state.name !== 'offline',
      calls,
      clock,
    });
    this.#tokens = new ViewerTokens(secret);
    this.#admissionControl = new AdmissionControl({
      viewers: this.#viewers,
      livestreams: this.#livestreams,
      tokens: this.#tokens,
      isInvitee: (streamId, userId) => calls.run(() => livestreams.invitees.has(streamId, userId)),
      authenticate,
      identities,
      calls,
      newViewers,
      clock,
    });
    this.#hls = new HlsAccess({
      viewers: this.#viewers,
      livestreams: this.#livestreams,
      tokens: this.#tokens,
      admit: (...request) => this.#admit(...request),
    });
    this.#review = new ViewerReview({
      viewers: this.#viewers,
      admissions: this.#admissions,
      livestreams: this.#livestreams,
      tokens: this.#tokens,
      admissionControl: this.#admissionControl,
      clock,
      log,
    });
    this.#sockets = new SocketAudience({
      admit: async (principal, request) => this.#admission(await this.#admit(request, principal, false)),
      viewingStatus: (streamId) => this.#viewingStatus(streamId),
      replayHistory: boundedReplay(options.replayHistory, calls, log),
    });
    this.feature = this.#sockets.feature;
    const keep = { days: options.keepDays ?? 0, clock, log };
    this.#sweepers = [
      new Sweeper({ ...keep, rowsName: 'visits', sweep: (...upTo) => this.#table.sweepViews(...upTo) }),
      new Sweeper({ ...keep, rowsName: 'minutes', sweep: (...upTo) => this.#table.sweepMinutes(...upTo) }),
    ];
  }

  /** Closes views left open by a crash, restores recent viewers, and starts the timers. */
  async start(): Promise<void> {
    const { clock, log, livestreams, streams } = this.#options;
    const closed = await this.#table.closeOpenViews();
    if (closed > 0) log.warn({ visits: closed }, 'views left open by a crashed gateway were closed');
    const since = new Date(clock.now() - RESUME_WINDOW_MS);
    this.#viewers.restore(await this.#table.endedSince(since, this.#limits.viewers));
    const { signal } = this.#lifetime;
    const stops = [
      streams.onChange((change) => this.#streamChanged(change)),
      livestreams.onUpdate((...change) => this.#review.livestreamChanged(...change)),
    ];
    for (const stop of stops) signal.addEventListener('abort', stop);
    clock.every(TICK_INTERVAL_MS, () => this.#tick(), signal);
    this.#review.start();
    for (const sweeper of this.#sweepers) sweeper.start();
  }

  async admit(request: ViewerRequest): Promise<AdmittedViewer> {
    return this.#admission(await this.#admit(request, () => this.#admissionControl.identify(request), true));
  }

  recordActivity(streamId: string, token: string, protocol: ViewerProtocol): AccessScope | undefined {
    return this.#hls.recordActivity(streamId, token, protocol);
  }

  async admitPlaylistRequest(
    request: ViewerRequest,
    protocol: ViewerProtocol | undefined,
  ): Promise<AccessScope> {
    return await this.#hls.admitPlaylistRequest(request, protocol);
  }

  mediaAccess(streamId: string, token: string | undefined): AccessScope | undefined {
    return this.#hls.mediaAccess(streamId, token);
  }

  /**
   * As `admit`, for a connection signalled over a socket. A client that joined the livestream on the same socket is the
   * same viewer, whatever token it sends.
   */
  async admitClient(client: AudienceClient, streamId: string, token?: string): Promise<AdmittedViewer> {
    return await this.#sockets.admit(client, streamId, token);
  }

  /**
   * Admits a viewer and counts it at once, until it is inactive.
   *
   * @throws PublicError as `admit`
   */
  async join(principal: Principal | (() => Promise<Principal>), request: AdmissionRequest): Promise<Joined> {
    const { viewer, token } = await this.#admit(request, principal, true);
    this.#viewers.recordRequest(viewer);
    return { token, ...this.#viewingStatus(request.streamId) };
  }

  /** Removes the viewer of the token or, without one, all viewers of the user. */
  leave(principal: Principal, { streamId, token }: Omit<AdmissionRequest, 'address'>): void {
    const grant = token === undefined ? undefined : this.#tokens.read(streamId, token);
    const userId = userIdOf(principal);
    const leaving = grant
      ? [this.#viewers.find(streamId, grant.viewerId)]
      : token === undefined && userId !== undefined
        ? [...(this.#viewers.stream(streamId)?.viewers ?? [])].filter((viewer) => viewer.userId === userId)
        : [];
    for (const viewer of leaving) if (viewer) this.#viewers.leaveDeliberately(viewer);
  }

  /**
   * Keeps a viewer counted whose playlist requests do not reach the gateway.
   *
   * @returns the number of viewers
   * @throws PublicError 400 `viewer_token_invalid`, and as `admit` for a viewer that had left
   */
  async beacon(request: AdmissionRequest & { token: string }): Promise<number> {
    const { streamId, token } = request;
    let viewer = this.#viewers.byToken(streamId, token);
    if (!viewer || viewer.presence === 'away') {
      if (!this.#tokens.read(streamId, token)) {
        const message = 'This is not a viewer token of this livestream: join it to get one.';
        throw new PublicError(400, 'viewer_token_invalid', message);
      }
      viewer = (await this.#admit(request, ANONYMOUS, false)).viewer;
    }
    this.#viewers.recordBeacon(viewer);
    return this.#viewers.stream(streamId)?.total ?? 0;
  }

  /** Reviews the viewers of a user whose rights changed or whose credential ended. */
  accessChanged(change: AccessChange): void {
    this.#review.userChanged(change);
  }

  /** Anonymizes the views of a deleted account. */
  async forgetUser(userId: string): Promise<void> {
    this.#viewers.anonymizeUser(userId);
    await this.#writer.flush(); // Pending writes with the user id come first.
    for (let changed = BATCH; changed === BATCH; ) changed = await this.#table.anonymizeUser(userId, BATCH);
  }

  /** Returns the current counts, from memory. */
  viewers(streamId: string): ViewerCounts {
    return this.#viewers.stream(streamId)?.counts() ?? { total: 0, byProtocol: { ...NO_VIEWERS } };
  }

  /** Stores pending changes, unless a retry is scheduled; also runs every second. */
  flush(): Promise<void> {
    return this.#writer.flush();
  }

  /** Returns the newest minutes with viewers in ascending order, including the current one. */
  async history(streamId: string, since: Date, limit: number): Promise<ViewerMinute[]> {
    const stored = await this.#table.minutes(streamId, since, limit);
    const running = this.#viewers.stream(streamId)?.minute;
    if (!running) return stored;
    const before = stored.filter(({ startedAt }) => startedAt < running.startedAt);
    return [...before, running].slice(-limit);
  }

  /** Returns what is stored of the views within a time: numbers, no persons. */
  async analyze(streamId: string, time: AnalyzedTime): Promise<ViewAnalysis> {
    return await this.#table.analyze(streamId, time);
  }

  /** Returns a livestream that the principal may watch. @throws PublicError 404 `stream_not_found` */
  async watched(principal: Principal, streamId: string): Promise<WatchedLivestream> {
    return await this.#admissionControl.findWatchable(principal, streamId);
  }

  /** @returns a function that unsubscribes */
  onPeak(listener: PeakListener): () => void {
    this.#peakListeners.add(listener);
    return () => this.#peakListeners.delete(listener);
  }

  /** Removes all viewers, and stores pending changes within five seconds. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#lifetime.abort();
    this.#review.close();
    for (const sweeper of this.#sweepers) sweeper.close();
    this.#viewers.clear();
    for (const stream of this.#viewers.streams()) this.#storeStatistics(stream);
    const done = new AbortController();
    await Promise.race([this.#writer.finish(), sleep(this.#options.clock, CLOSE_TIMEOUT_MS, done.signal)]);
    done.abort();
  }

  async #admit(...request: Parameters<AdmissionControl['admit']>): Promise<Admitted> {
    if (this.#closed) throw new PublicError(503, 'shutting_down', 'The server is restarting: try again.');
    return await this.#admissionControl.admit(...request);
  }

  #admission(admitted: Admitted): SocketAdmission {
    return viewerAdmission(admitted, {
      viewers: this.#viewers,
      admissions: this.#admissions,
      admissionControl: this.#admissionControl,
      review: this.#review,
    });
  }

  #viewingStatus(streamId: string): Omit<Joined, 'token'> {
    const { name: state } = this.#options.streams.status(streamId).state;
    return { viewers: this.#viewers.stream(streamId)?.total ?? 0, state };
  }

  #streamChanged({ streamId, to, end }: StreamChange): void {
    if (to.name === 'live') this.#livestreams.preload(streamId);
    if (to.name === 'live') this.#viewers.broadcastStarted(streamId);
    if (end === undefined || !BROADCAST_END[end].closesRow) return;
    const stream = this.#viewers.stream(streamId);
    if (!stream) return;
    this.#viewers.broadcastEnded(stream);
    this.#announcePeak(stream);
  }

  #tick(): void {
    const { clock, hub } = this.#options;
    const now = clock.monotonic();
    this.#viewers.sweep();
    const minutesDue = now - this.#minutesAt >= MINUTES_INTERVAL_MS;
    if (minutesDue) this.#minutesAt = now;
    for (const stream of this.#viewers.streams()) {
      const { streamId, total } = stream;
      if (stream.broadcastTotal !== total) {
        stream.broadcastTotal = total;
        const data = { streamId, viewers: total };
        hub.broadcast(`stream:${streamId}`, 'viewers:count', data, { droppable: true });
      }
      const isEmpty = stream.viewers.size === 0;
      if (isEmpty || now - stream.announcedAt >= PEAK_INTERVAL_MS) this.#announcePeak(stream);
      if (isEmpty || minutesDue) this.#storeStatistics(stream);
      if (isEmpty) this.#viewers.removeStream(stream);
    }
    void this.#writer.flush();
  }

  /** Queues the minutes and the peak of a stream. */
  #storeStatistics(stream: StreamAudience): void {
    const { streamId, peak } = stream;
    for (const minute of stream.takeMinutes()) this.#writer.addMinute({ streamId, ...minute });
    if (peak <= stream.storedPeak) return;
    stream.storedPeak = peak;
    this.#writer.addPeak(streamId, peak);
  }

  #announcePeak(stream: StreamAudience): void {
    if (stream.peak <= stream.announcedPeak) return;
    stream.announcedPeak = stream.peak;
    stream.announcedAt = this.#options.clock.monotonic();
    for (const listener of this.#peakListeners) listener({ streamId: stream.streamId, viewers: stream.peak });
  }
}
