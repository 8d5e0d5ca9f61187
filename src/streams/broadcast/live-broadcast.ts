import type { SourceInfo } from '../../media/index.js';
import { type Cancel, type Clock, HeadendError, type Logger, sleep } from '../../platform/index.js';
import type {
  Broadcast,
  BroadcastSubscriber,
  BroadcastSubscription,
  WebrtcRendition,
  WebrtcRenditionDestination,
} from './broadcast-subscriber.js';
import type { EncoderRunOptions, EncoderRunWriter } from './encoder-run.js';
import { EncoderRunPipe } from './encoder-run-pipe.js';
import { BROADCAST_END, type BroadcastEnd, PUBLICATION_END, type PublicationEnd } from './end-reason.js';
import type { Publication, Publisher, Source } from './publication.js';
import { PublicationSession } from './publication-session.js';
import type { StreamChange } from './stream-change.js';
import { next, type StreamEvent, type StreamState } from './stream-state.js';

/** How long one guest may take to leave a broadcast that ends, in ms. */
const GUEST_FAREWELL_MS = 8_000;

/** What the broadcast has stored about it; kept apart so that the lifecycle knows nothing of SQL. */
export type BroadcastStore = {
  /** @returns the index of the encoder run that begins. */
  nextRun(): Promise<number>;
  /** The stream can be watched. */
  live(): void;
  ended(reason: BroadcastEnd): Promise<void>;
};

export type LiveBroadcastOptions = {
  id: string;
  streamId: string;
  startedAt: number;
  resumed: boolean;
  subscribers: readonly BroadcastSubscriber[];
  store: BroadcastStore;
  /** Told of every step; must not throw. */
  onChange(change: StreamChange): void;
  /** How long the broadcast waits for a lost publisher, in ms. */
  graceMs: number;
  clock: Clock;
  log: Logger;
};

/** One run of a stream, from its first publisher to its end: performs what `stream-state` and `end-reason` decide. */
export class LiveBroadcast implements Broadcast {
  readonly id: string;
  readonly streamId: string;
  readonly startedAt: number;
  readonly resumed: boolean;
  /** Resolves when everything that belonged to the broadcast is gone. */
  readonly closed: Promise<BroadcastEnd>;
  readonly #options: LiveBroadcastOptions;
  readonly #log: Logger;
  readonly #visits: { guest: string; visit: BroadcastSubscription }[] = [];
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
    this.#wasLive = options.resumed;
    this.#log = options.log.child({ streamId: this.streamId, broadcastId: this.id });
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
    for (const guest of options.subscribers)
      this.#visits.push({ guest: guest.name, visit: guest.subscribe(this) });
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

  /** Somebody is connected and publishing. */
  get publishing(): boolean {
    return this.#publication !== undefined;
  }

  /** The stream key of the publisher, or of the last one, if that is known. */
  get keyId(): string | undefined {
    return this.#keyId;
  }

  /** Who publishes, or did last, without a key: signed in. */
  get signedInAs(): string | undefined {
    return this.#signedInAs;
  }

  /** The source as described since the last call, if it changed. */
  takeChangedSource(): SourceInfo | undefined {
    if (!this.#sourceChanged) return undefined;
    this.#sourceChanged = false;
    return this.#source;
  }

  /** Admits a publisher; one that is still connected is replaced. @param keyId the key that admitted it */
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
    for (const { visit } of this.#visits) visit.publicationStarted?.(session);
    return session;
  }

  /** Closes the publisher's connection; the next one is waited for. @returns false when there is none. */
  kick(): boolean {
    const publication = this.#publication;
    publication?.kick('kicked');
    return publication !== undefined;
  }

  /** Ends the broadcast if its publisher came in with this key, which is revoked. */
  keyRevoked(keyId: string): void {
    if (this.#keyId === keyId) this.#publication?.kick('key-revoked');
  }

  /** Closes the connection of a publisher who is signed in as somebody; the broadcast waits for the next one. */
  dropSignIn(userId: string): void {
    if (this.#signedInAs === userId) this.#publication?.kick('sign-in-barred');
  }

  /** Waits for a publisher without having had one here: the broadcast was taken up again after a restart. */
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
    for (const { visit } of this.#visits) visit.encoderRunStarted?.(run);
    return run;
  }

  encodeForWebrtc(source: Source, destination: WebrtcRenditionDestination): WebrtcRendition | undefined {
    for (const { visit } of this.#visits)
      if (visit.encodeForWebrtc) return visit.encodeForWebrtc(source, destination);
    return undefined;
  }

  playable(): void {
    if (!this.#apply({ name: 'playable' }) || this.#wasLive) return;
    this.#wasLive = true;
    this.#options.store.live();
  }

  fail(reason: 'transcoder-failed'): void {
    if (this.#publication) this.#publication.kick(reason);
    else void this.end(reason);
  }

  /** Ends the broadcast; resolves when it is gone. The first reason stands. */
  end(reason: BroadcastEnd): Promise<BroadcastEnd> {
    if (!this.#apply({ name: 'ended', reason })) return this.closed;
    this.#cancelGrace();
    this.#publication?.kick(publicationEndFor(reason));
    void this.#farewell(reason).then(this.#settle);
    return this.closed;
  }

  async #farewell(reason: BroadcastEnd): Promise<BroadcastEnd> {
    const { clock, store } = this.#options;
    for (const { guest, visit } of this.#visits) {
      const patience = new AbortController();
      const late = sleep(clock, GUEST_FAREWELL_MS, patience.signal).then(() => {
        if (!patience.signal.aborted) this.#log.error({ guest }, 'a guest did not leave in time');
      });
      await Promise.race([
        late,
        visit
          .broadcastEnded(reason)
          .catch((error: unknown) => this.#log.error({ guest, err: error }, 'a guest failed to leave')),
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
    else if (policy.broadcast !== 'continue') void this.end(policy.broadcast);
  }

  /** Waits for the publisher to come back; what nobody could ever watch has nothing to wait for. */
  #hold(): void {
    const { clock, graceMs } = this.#options;
    if (!this.#wasLive) void this.end('never-started');
    else if (this.#apply({ name: 'held', until: clock.now() + graceMs }))
      this.#cancelGrace = clock.after(graceMs, () => void this.end('grace-expired'));
  }

  /** Moves to the next state if the event means something here; says so in the log. */
  #apply(event: StreamEvent): boolean {
    const to = next(this.#state, event);
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
