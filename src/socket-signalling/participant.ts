import { mayManage, nameOf, userIdOf } from '../accounts/index.js';
import { type Clock, Mutex, PublicError } from '../platform/index.js';
import type { Acknowledgement, MessageData, SocketClient } from '../sockets/index.js';
import type { AdmittedViewer, PublisherCredential } from '../streams/index.js';
import type { ConnectingEnd, OfferLimit } from '../webrtc/index.js';
import { descriptionIn, textIn } from './message.js';
import type { PeerConnection, ServiceViewing } from './viewer-connection.js';
import type { JoinedStream, ServicePublication, WebrtcService } from './webrtc-service.js';

export type ParticipantOptions = {
  client: SocketClient;
  service: WebrtcService;
  /** Admits a client as a viewer. @throws PublicError */
  admit: (client: SocketClient, streamId: string, token?: string) => Promise<AdmittedViewer>;
  offers: OfferLimit;
  clock: Clock;
  iceServers: { list(user?: string): unknown[] };
  /** Subscribes the participant to a stream, until `leave`. */
  enter(streamId: string, participant: Participant): void;
  leave(streamId: string, participant: Participant): void;
  /** Reports an error of a task that no request of the client waits for. */
  onError(error: unknown): void;
};

/** Limit of streams that one client watches or publishes. */
const STREAMS_LIMIT = 8;

/** The publications and viewer connections of one socket client. */
export class Participant {
  readonly #options: ParticipantOptions;
  readonly #client: SocketClient;
  readonly #publications = new Map<string, ServicePublication>();
  readonly #viewings = new Map<string, { viewing: ServiceViewing; release: () => void }>();
  /** Admissions by stream, for all connections to it. */
  readonly #admissions = new Map<string, { admission: AdmittedViewer; close: () => void }>();
  /** Offers of the server without an answer yet. */
  readonly #offered = new Map<string, { connection: PeerConnection; end: ConnectingEnd }>();
  /** User ids, by stream, of viewers that get an offer when a broadcast starts. */
  readonly #awaitingOffer = new Map<string, string>();
  readonly #joined = new Set<string>();
  /** Streams whose next offer waits for the limit of the address. */
  readonly #delayed = new Set<string>();
  /** Serializes requests of the client and background tasks. */
  readonly #turns = new Mutex();

  constructor(options: ParticipantOptions) {
    this.#options = options;
    this.#client = options.client;
  }

  /** Offers the media of a broadcast that has started. */
  broadcastStarted(streamId: string): void {
    const userId = this.#awaitingOffer.get(streamId);
    if (userId !== undefined) this.#inBackground(() => this.#offer(streamId, userId));
  }

  /** Publishes, by the stream key or by the sign-in of the client. */
  publish(data: MessageData): Promise<Acknowledgement | undefined> {
    return this.#inTurn(() => this.#publish(data));
  }

  /** Joins as a viewer: answers the viewer's offer, or sends one when media are available. */
  join(data: MessageData): Promise<Acknowledgement | undefined> {
    return this.#inTurn(() => this.#join(data));
  }

  /** Accepts a viewer's answer to the server's offer. */
  acceptAnswer(data: MessageData): Promise<Acknowledgement | undefined> {
    return this.#inTurn(() => this.#accept(data));
  }

  /** Ignores candidates: the server has a public address, and learns the peer's from its checks (ICE lite, RFC 8445 2.5). */
  acceptCandidate(data: MessageData): undefined {
    if (!this.#joined.has(textIn(data, 'streamId'))) throw notYours();
    return undefined;
  }

  selectLayer(data: MessageData): undefined {
    const viewing = this.#viewings.get(textIn(data, 'streamId'))?.viewing;
    if (!viewing) throw notYours();
    const rid = data.rid === undefined || data.rid === null ? undefined : textIn(data, 'rid');
    if (rid !== undefined && !viewing.layers.some((layer) => layer.rid === rid))
      throw new PublicError(400, 'layer_unknown', 'There is no such layer: choose one of stream:layers.');
    viewing.selectLayer(rid);
    return undefined;
  }

  /** Ends a livestream for good, for its publisher on this connection, its owner or an admin. */
  async endLivestream(data: MessageData): Promise<undefined> {
    const streamId = textIn(data, 'streamId');
    if (!this.#publications.has(streamId)) await this.#mustManage(streamId);
    await this.#options.service.stopBroadcast(streamId);
    return undefined;
  }

  leave(data: MessageData): Promise<undefined> {
    return this.#inTurn(async () => {
      this.#leave(textIn(data, 'streamId'));
      return undefined;
    });
  }

  /** Leaves all streams. */
  clientDisconnected(): void {
    for (const streamId of [...this.#joined]) this.#leave(streamId);
  }

  async #publish(data: MessageData): Promise<Acknowledgement | undefined> {
    const { service, iceServers } = this.#options;
    const { address, signal } = this.#client;
    const streamKey = data.streamKey === undefined ? undefined : textIn(data, 'streamKey');
    if (streamKey === undefined && this.#client.principal.kind === 'anonymous') throw keyMissing();
    const wanted = streamKey === undefined ? textIn(data, 'streamId').toLowerCase() : data.streamId;
    const offer = descriptionIn(data, 'offer');
    this.#takeOffer();
    this.#takePlace();
    const credential = streamKey === undefined ? await this.#signedIn(`${wanted}`) : { streamKey };
    const publication = await service.publish({ ...credential, offer, address });
    const { streamId } = publication;
    if (signal.aborted || (wanted !== undefined && wanted !== streamId)) {
      publication.leave();
      throw new PublicError(403, 'not_your_stream', 'The stream key belongs to another stream.');
    }
    this.#publications.set(streamId, publication);
    this.#enter(streamId);
    void publication.peer.closed.then(() => {
      if (this.#publications.get(streamId) !== publication) return;
      this.#publications.delete(streamId);
      this.#client.send('stream:disconnected', { streamId });
      this.#exit(streamId);
    });
    const answer = { type: 'answer', sdp: publication.answer };
    return { event: 'stream:answer', data: { streamId, answer, iceServers: iceServers.list(streamId) } };
  }

  async #signedIn(streamId: string): Promise<PublisherCredential> {
    await this.#mustManage(streamId);
    return { signedIn: { streamId, userId: nameOf(this.#client.principal) } };
  }

  /** Throws the same error for unknown livestreams, so that they cannot be probed. */
  async #mustManage(streamId: string): Promise<void> {
    const { principal } = this.#client;
    const livestream =
      principal.kind === 'anonymous' ? undefined : await this.#options.service.livestream(streamId);
    if (!livestream || !mayManage(principal, livestream)) throw notYours();
  }

  async #join(data: MessageData): Promise<Acknowledgement | undefined> {
    const { service } = this.#options;
    const streamId = textIn(data, 'streamId');
    const givenUserId = typeof data.userId === 'string' ? data.userId.slice(0, 100) : 'viewer';
    const userId = userIdOf(this.#client.principal) ?? givenUserId;
    const offer = data.offer === undefined ? undefined : descriptionIn(data, 'offer');
    if (!this.#joined.has(streamId)) this.#takePlace();
    if (offer !== undefined) return await this.#joinByOffer(streamId, userId, offer, data.viewerToken);
    const { iceServers, state, viewers } = await service.joinStream(streamId, userId);
    await this.#admit(streamId, data.viewerToken);
    this.#enter(streamId);
    this.#awaitingOffer.set(streamId, userId);
    const afterSent = (): void => {
      if (isOnAir(state)) this.#inBackground(() => this.#offer(streamId, userId));
    };
    return { event: 'stream:joined', data: { streamId, iceServers, state, viewers }, afterSent };
  }

  async #joinByOffer(
    streamId: string,
    userId: string,
    offer: string,
    token: unknown,
  ): Promise<Acknowledgement> {
    const { service, offers } = this.#options;
    this.#takeOffer();
    const end = offers.connecting(this.#client.address);
    try {
      const { connection, iceServers } = await service.joinStream(streamId, userId);
      await this.#admit(streamId, token);
      this.#stopWatching(streamId);
      const viewing = await connection.answer(offer);
      this.#watch(streamId, viewing, end);
      const answer = { type: 'answer', sdp: viewing.answer };
      return { event: 'stream:answer', data: { streamId, answer, iceServers } };
    } catch (error) {
      end('failed');
      this.#exit(streamId);
      throw error;
    }
  }

  async #admit(streamId: string, token: unknown): Promise<void> {
    const { admit } = this.#options;
    const admission = await admit(this.#client, streamId, typeof token === 'string' ? token : undefined);
    if (this.#client.signal.aborted) {
      admission.withdraw();
      throw clientGone();
    }
    this.#admissions.get(streamId)?.close();
    const close = admission.onRevoked(() => this.#viewerDismissed(streamId));
    this.#admissions.set(streamId, { admission, close });
  }

  /** Sends an offer to a viewer, also after a lost connection. */
  async #offer(streamId: string, userId: string): Promise<void> {
    const { service, offers } = this.#options;
    const { address } = this.#client;
    const waitMs = offers.take(address);
    if (waitMs > 0) return this.#offerLater(streamId, waitMs);
    const end = offers.connecting(address);
    try {
      // The viewer may have waited for long: permission and places are checked when media are available.
      await this.#admit(streamId, undefined);
      if (!this.#awaitingOffer.has(streamId)) {
        end('not-made');
        return this.#exit(streamId);
      }
      this.#stopWatching(streamId);
      this.#awaitingOffer.set(streamId, userId);
      const connection = service.createPeerConnection(streamId, userId);
      const offer = { type: 'offer', sdp: await connection.createOffer() };
      if (this.#client.signal.aborted || !this.#awaitingOffer.has(streamId)) {
        connection.close();
        end('failed');
        return;
      }
      this.#offered.set(streamId, { connection, end });
      this.#client.send('stream:offer', { streamId, offer, iceServers: connection.iceServers });
    } catch (error) {
      end('failed');
      throw error;
    }
  }

  /** Delays the server's offer, for which the viewer waits anyway: all viewers of an address get theirs in turn. */
  #offerLater(streamId: string, waitMs: number): void {
    if (this.#delayed.has(streamId)) return;
    this.#delayed.add(streamId);
    const offerNow = (): void => {
      this.#delayed.delete(streamId);
      if (isOnAir(this.#options.service.state(streamId))) this.broadcastStarted(streamId);
    };
    this.#options.clock.after(waitMs, offerNow, this.#client.signal);
  }

  async #accept(data: MessageData): Promise<undefined> {
    const streamId = textIn(data, 'streamId');
    const answer = descriptionIn(data, 'answer');
    const offered = this.#offered.get(streamId);
    if (!offered)
      throw new PublicError(
        400,
        'answer_not_expected',
        'There is no open offer for this stream: send stream:join first.',
      );
    const viewing = await offered.connection.acceptAnswer(answer);
    this.#offered.delete(streamId);
    this.#watch(streamId, viewing, offered.end);
    return undefined;
  }

  /** Closes the previous connection, which could occupy the remote address and port of the new one. */
  #stopWatching(streamId: string): void {
    const [watched, offered] = [this.#viewings.get(streamId), this.#offered.get(streamId)];
    this.#viewings.delete(streamId);
    this.#offered.delete(streamId);
    this.#awaitingOffer.delete(streamId);
    watched?.viewing.leave();
    watched?.release();
    offered?.connection.close();
    offered?.end('failed');
  }

  #watch(streamId: string, viewing: ServiceViewing, end: ConnectingEnd): void {
    void viewing.connected.then(() => end('established'));
    void viewing.ended.then(() => end('failed'));
    const admission = this.#admissions.get(streamId)?.admission;
    if (this.#client.signal.aborted || !admission) {
      viewing.leave();
      throw clientGone();
    }
    this.#enter(streamId);
    const release = admission.hold('whep', () => this.#viewerDismissed(streamId), viewing.connected);
    this.#viewings.set(streamId, { viewing, release });
    viewing.listen((event) => {
      if (event.type === 'layers') {
        const { layers, current = null, chosen = null } = event;
        this.#client.send('stream:layers', { streamId, layers, current, chosen });
      } else if (event.type !== 'viewercount') this.#client.send(`stream:${event.type}`, { streamId });
    });
    void viewing.ended.then(({ name, reason, message }) => {
      if (this.#viewings.get(streamId)?.viewing !== viewing) return;
      this.#viewings.delete(streamId);
      release();
      this.#client.send('stream:ended', { streamId, reason, message, reconnect: name === 'reconnect' });
      const userId = this.#awaitingOffer.get(streamId);
      if (name === 'end') {
        this.#awaitingOffer.delete(streamId);
        this.#exit(streamId);
      } else if (userId !== undefined) this.#inBackground(() => this.#offer(streamId, userId));
    });
  }

  /** Ends watching because the permission ended. */
  #viewerDismissed(streamId: string): void {
    this.#stopWatching(streamId);
    this.#closeAdmission(streamId);
    const message = 'You may not watch this livestream any more.';
    this.#client.send('stream:ended', { streamId, reason: 'dismissed', message, reconnect: false });
    this.#exit(streamId);
  }

  #leave(streamId: string): void {
    this.#stopWatching(streamId);
    const publication = this.#publications.get(streamId);
    this.#publications.delete(streamId);
    publication?.leave();
    this.#exit(streamId);
  }

  #enter(streamId: string): void {
    if (this.#client.signal.aborted) return;
    this.#joined.add(streamId);
    this.#options.enter(streamId, this);
  }

  #exit(streamId: string): void {
    const roles = [this.#viewings, this.#publications, this.#offered, this.#awaitingOffer];
    if (roles.some((role) => role.has(streamId))) return;
    this.#closeAdmission(streamId);
    this.#joined.delete(streamId);
    this.#options.leave(streamId, this);
  }

  #closeAdmission(streamId: string): void {
    const open = this.#admissions.get(streamId);
    this.#admissions.delete(streamId);
    open?.close();
    open?.admission.withdraw();
  }

  #takeOffer(): void {
    const waitMs = this.#options.offers.take(this.#client.address);
    if (waitMs > 0)
      throw new PublicError(429, 'rate_limited', 'Too many offers from your address: wait and try again.');
  }

  #takePlace(): void {
    if (this.#joined.size >= STREAMS_LIMIT)
      throw new PublicError(
        409,
        'too_many_streams',
        `A connection can have ${STREAMS_LIMIT} streams: leave one first.`,
      );
  }

  #inBackground(task: () => Promise<void>): void {
    this.#inTurn(task).catch((error: unknown) => this.#options.onError(error));
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    return this.#turns.run(async () => {
      if (this.#client.signal.aborted) throw clientGone();
      return await task();
    });
  }
}

function isOnAir(state: JoinedStream['state']): boolean {
  return state !== 'offline' && state !== 'ending';
}

function notYours(): PublicError {
  return new PublicError(
    403,
    'not_your_stream',
    'This connection has not joined that stream: send stream:join first.',
  );
}

function keyMissing(): PublicError {
  return new PublicError(
    401,
    'stream_key_missing',
    'Publishing requires the stream key, or a sign-in as the broadcaster or an administrator.',
  );
}

/** Ends a request of a disconnected client; the error is not sent. */
function clientGone(): PublicError {
  return new PublicError(410, 'gone', 'The client has disconnected.');
}
