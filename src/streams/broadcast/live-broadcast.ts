import type { SourceInfo } from '../../media/index.js';
import { type Cancel, type Clock, HeadendError, type Logger, sleep } from '../../platform/index.js';
import type { LivestreamLadder } from '../livestream/livestream-ladder.js';
import type {
  Broadcast,
  BroadcastSubscriber,
  BroadcastSubscription,
  SlateCodec,
  WebrtcRendition,
  WebrtcRenditionDestination,
  WebrtcSlate,
} from './broadcast-subscriber.js';
import type { EncoderRunOptions, EncoderRunWriter } from './encoder-run.js';
import { EncoderRunPipe } from './encoder-run-pipe.js';
import { BROADCAST_END, type BroadcastEnd, PUBLICATION_END, type PublicationEnd } from './end-reason.js';
import { HlsDemand } from './hls-demand.js';
import type { Publication, Publisher, Source } from './publication.js';
import { PublicationSession } from './publication-session.js';
import type { StreamChange } from './stream-change.js';
import { nextState, type StreamEvent, type StreamState } from './stream-state.js';

/** Time limit of one subscriber's `broadcastEnded`, ms. */
const SUBSCRIBER_END_TIMEOUT_MS = 8_000;

/** Writes of a broadcast to the database; injected to keep SQL out of the lifecycle. */
export type BroadcastStore = {
  /** @returns the index of a new encoder run */
  nextRun(): Promise<number>;
  /** Stores that the livestream is live. */
  live(): void;
  ended(reason: BroadcastEnd): Promise<void>;
};

export type LiveBroadcastOptions = {
  id: string;
  streamId: string;
  startedAt: number;
  resumed: boolean;
  /** Encoded renditions; undefined: those of the gateway. */
  ladder?: LivestreamLadder | undefined;
  subscribers: readonly BroadcastSubscriber[];
  store: BroadcastStore;
  /** Called on every state change. Must not throw. */
  onChange(change: StreamChange): void;
  /** Wait for a lost publisher to reconnect, ms. */
  graceMs: number;
  clock: Clock;
  log: Logger;
};

/** One run of a livestream, from its first publisher to its end. Applies the tables of `stream-state` and `end-reason`. */
export class LiveBroadcast implements Broadcast {
  readonly id: string;
  readonly streamId: string;
  readonly startedAt: number;
  readonly resumed: boolean;
  readonly ladder: LivestreamLadder | undefined;
  readonly hlsDemand: HlsDemand;
  /** Resolves after all subscribers have ended and the end is stored. */
  readonly closed: Promise<BroadcastEnd>;
  readonly #options: LiveBroadcastOptions;
  readonly #log: Logger;
  readonly #subscriptions: { subscriber: string; subscription: BroadcastSubscription }[] = [];
  readonly #notices = new Map<string, string>();
  #settle: (reason: BroadcastEnd) => void = () => {};
  #state: StreamState = { name: 'offline' };
  #publication: PublicationSession | undefined;
  #keyId: string | undefined;
  #signedInAs: string | undefined;
  #source: SourceInfo | undefined;
  #sourceChanged = false;
  #wasLive: boolean;
  #cancelGrace: Cancel = () => {};

  constructor(options: LiveBroadcastOptions) {
    this.#options = options;
    this.id = options.id;
    this.streamId = options.streamId;
    this.startedAt = options.startedAt;
    this.resumed = options.resumed;
    this.ladder = options.ladder;
    this.#wasLive = options.resumed;
    this.hlsDemand = new HlsDemand(options.clock);
    this.#log = options.log.child({ streamId: this.streamId, broadcastId: this.id });
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
    for (const subscriber of options.subscribers)
      this.#subscriptions.push({ subscriber: subscriber.name, subscription: subscriber.subscribe(this) });
  }

  get state(): StreamState {
    return this.#state;
  }

  get source(): SourceInfo | undefined {
    return this.#source;
  }

  get notices(): { topic: string; message: string }[] {
    return [...this.#notices].map(([topic, message]) => ({ topic, message }));
  }

  /** Whether a publisher is connected. */
  get publishing(): boolean {
    return this.#publication !== undefined;
  }

  /** Id of the stream key of the current or last publisher. */
  get keyId(): string | undefined {
    return this.#keyId;
  }

  /** Account of the current or last publisher that used a sign-in instead of a key. */
  get signedInAs(): string | undefined {
    return this.#signedInAs;
  }

  /** Returns the source if it changed since the last call. */
  takeChangedSource(): SourceInfo | undefined {
    if (!this.#sourceChanged) return undefined;
    this.#sourceChanged = false;
    return this.#source;
  }

  /** Starts a publication; a publisher that is still connected is replaced. @param keyId key that admitted it */
  publish(publisher: Publisher, keyId?: string): Publication {
    this.#publication?.kick('replaced');
    this.#cancelGrace();
    const session = new PublicationSession({
      streamId: this.streamId,
      broadcastId: this.id,
      publisher,
      onEnd: (reason) => this.#publicationEnded(session, reason),
      onDescribe: (info) => {
        this.#source = info;
        this.#sourceChanged = true;
      },
      onHold: (held) =>
        this.notice(
          'ingest',
          held ? 'The server cannot keep up: the publisher is being slowed down.' : undefined,
        ),
      onNotice: (topic, message) => this.notice(topic, message),
    });
    this.#publication = session;
    this.#keyId = keyId;
    this.#signedInAs = publisher.signedIn?.userId;
    this.#source = session.info;
    this.#log.info(
      {
        publicationId: session.id,
        protocol: publisher.protocol,
        address: publisher.address,
        encoder: publisher.encoder,
      },
      'publisher connected',
    );
    this.#apply({ name: 'published' });
    for (const { subscription } of this.#subscriptions) subscription.publicationStarted?.(session);
    return session;
  }

  /** Closes the publisher's connection; the broadcast holds for the next one. @returns false without a publisher */
  kick(): boolean {
    const publication = this.#publication;
    publication?.kick('kicked');
    return publication !== undefined;
  }

  /** Ends the broadcast if its publisher was admitted by this key, which is revoked. */
  keyRevoked(keyId: string): void {
    if (this.#keyId === keyId) this.#publication?.kick('key-revoked');
  }

  /** Closes the connection of a publisher signed in as this user; the broadcast holds for the next one. */
  dropSignIn(userId: string): void {
    if (this.#signedInAs === userId) this.#publication?.kick('sign-in-barred');
  }

  /** Holds for a publisher after the broadcast was resumed by a restart of the gateway. */
  awaitPublisher(): void {
    this.#hold();
  }

  notice(topic: string, message: string | undefined): void {
    if (this.#notices.get(topic) === message) return;
    if (message === undefined) this.#notices.delete(topic);
    else this.#notices.set(topic, message);
    this.#log.info({ topic }, message ?? 'recovered');
  }

  async openRun(options: EncoderRunOptions): Promise<EncoderRunWriter> {
    const index = await this.#options.store.nextRun();
    if (this.#state.name === 'ending' || this.#state.name === 'offline')
      throw new HeadendError('broadcast_ended', 'the broadcast has ended');
    const run = new EncoderRunPipe(index, options);
    for (const { subscription } of this.#subscriptions) subscription.encoderRunStarted?.(run);
    return run;
  }

  encodeForWebrtc(source: Source, destination: WebrtcRenditionDestination): WebrtcRendition | undefined {
    for (const { subscription } of this.#subscriptions)
      if (subscription.encodeForWebrtc) return subscription.encodeForWebrtc(source, destination);
    return undefined;
  }

  async renderWebrtcSlate(codec: SlateCodec, signal: AbortSignal): Promise<WebrtcSlate | undefined> {
    for (const { subscription } of this.#subscriptions)
      if (subscription.renderWebrtcSlate) return await subscription.renderWebrtcSlate(codec, signal);
    return undefined;
  }

  /** A private test is about to end: media so far are for nobody else. */
  testEnding(): void {
    this.#log.info('private test ends: viewers get media from now on');
    for (const { subscription } of this.#subscriptions) subscription.testEnding?.();
  }

  playable(): void {
    if (!this.#apply({ name: 'playable' }) || this.#wasLive) return;
    this.#wasLive = true;
    this.#options.store.live();
  }

  fail(reason: 'transcoder-failed'): void {
    if (this.#publication) this.#publication.kick(reason);
    else void this.endBroadcast(reason);
  }

  /** Ends the broadcast. Resolves as `closed` does; later calls keep the first reason. */
  endBroadcast(reason: BroadcastEnd): Promise<BroadcastEnd> {
    if (!this.#apply({ name: 'ended', reason })) return this.closed;
    this.#cancelGrace();
    this.#publication?.kick(publicationEndFor(reason));
    void this.#endSubscriptions(reason).then(this.#settle);
    return this.closed;
  }

  async #endSubscriptions(reason: BroadcastEnd): Promise<BroadcastEnd> {
    const { clock, store } = this.#options;
    for (const { subscriber, subscription } of this.#subscriptions) {
      const patience = new AbortController();
      const late = sleep(clock, SUBSCRIBER_END_TIMEOUT_MS, patience.signal).then(() => {
        if (!patience.signal.aborted)
          this.#log.error({ subscriber }, 'subscriber did not end in time: the broadcast ends without it');
      });
      await Promise.race([
        late,
        subscription
          .broadcastEnded(reason)
          .catch((error: unknown) =>
            this.#log.error({ subscriber, err: error }, 'subscriber failed while the broadcast ended'),
          ),
      ]);
      patience.abort();
    }
    await store.ended(reason);
    this.#log[BROADCAST_END[reason].level]({ reason }, 'broadcast ended');
    this.#apply({ name: 'gone' });
    return reason;
  }

  #publicationEnded(session: PublicationSession, reason: PublicationEnd): void {
    const policy = PUBLICATION_END[reason];
    this.#log[policy.level]({ publicationId: session.id, reason }, 'publication ended');
    if (this.#publication !== session) return;
    this.#publication = undefined;
    if (policy.broadcast === 'hold') this.#hold();
    else if (policy.broadcast !== 'continue') void this.endBroadcast(policy.broadcast);
  }

  /** Waits for a publisher. A broadcast that was never playable ends instead. */
  #hold(): void {
    const { clock, graceMs } = this.#options;
    if (!this.#wasLive) void this.endBroadcast('never-started');
    else if (this.#apply({ name: 'held', until: clock.now() + graceMs }))
      this.#cancelGrace = clock.after(graceMs, () => void this.endBroadcast('grace-expired'));
  }

  /** Applies an event, logs and announces the new state. @returns false when the state does not accept the event */
  #apply(event: StreamEvent): boolean {
    const to = nextState(this.#state, event);
    if (!to) return false;
    const from = this.#state.name;
    this.#log.info(`${from} -> ${to.name}`);
    const end = this.#state.name === 'ending' && to.name === 'offline' ? { end: this.#state.reason } : {};
    this.#state = to;
    const { streamId, id: broadcastId } = this;
    this.#options.onChange({ streamId, broadcastId, from, to, wasLive: this.#wasLive, ...end });
    return true;
  }
}

function publicationEndFor(reason: BroadcastEnd): PublicationEnd {
  switch (reason) {
    case 'ended-by-owner':
    case 'key-revoked':
    case 'account-barred':
    case 'transcoder-failed':
    case 'shutdown':
      return reason;
    case 'grace-expired':
    case 'never-started':
    case 'found-dead':
      return 'publisher-lost';
  }
}
