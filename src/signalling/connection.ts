import { type Clock, type Logger, PublicError, RateLimit } from '../platform/index.js';
import type { OfferLimit } from '../webrtc/index.js';
import { descriptionIn, type Message, parseMessage, textIn } from './message.js';
import type { RoomMember, Rooms } from './room.js';
import { CLOSE, OPEN, type Socket } from './socket.js';
import type { PeerConnection, ServiceViewing } from './viewer-connection.js';
import type { ServicePublication, WebrtcService } from './webrtc-service.js';

export type ConnectionOptions = {
  socket: Socket;
  service: WebrtcService;
  rooms: Rooms;
  offers: OfferLimit;
  iceServers: { list(user?: string): unknown[] };
  /** The client's network address, without a port. */
  address: string;
  clock: Clock;
  log: Logger;
};

/** Who does not answer a ping until the next is gone, ms. */
const PING_MS = 25_000;
/** So many messages in a row that cannot be understood end the connection. */
const BROKEN_LIMIT = 10;
/** Messages at once, and after how many ms one more: browsers send a few dozen candidates at once. */
const MESSAGES = { capacity: 200, refillMs: 50 };
/** Who has left so much unread is gone, bytes. */
const UNREAD_LIMIT = 512 * 1024;
/** Messages that wait for the one before them. */
const WAITING_LIMIT = 100;
/** For the client to say goodbye too, ms. */
const FAREWELL_MS = 1_000;
/** Streams that one connection may watch or publish. */
const STREAMS_LIMIT = 8;

/** One client of the signalling: publishes and watches as long as its socket is open. */
export class Connection implements RoomMember {
  readonly #options: ConnectionOptions;
  readonly #life = new AbortController();
  readonly #rate: RateLimit;
  readonly #publications = new Map<string, ServicePublication>();
  readonly #viewings = new Map<string, ServiceViewing>();
  /** Our offers that have no answer yet. */
  readonly #offered = new Map<string, PeerConnection>();
  /** Viewers who are to be offered the picture when there is one, by stream. */
  readonly #expecting = new Map<string, string>();
  readonly #joined = new Set<string>();
  #broken = 0;
  #alive = true;
  #waiting = 0;
  /** Messages are done one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { socket, clock } = options;
    this.#rate = new RateLimit(clock, MESSAGES);
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('pong', () => {
      this.#alive = true;
    });
    socket.on('error', () => {}); // 'close' follows and says all that matters.
    socket.on('close', () => this.#gone());
    clock.every(PING_MS, () => this.#ping(), this.#life.signal);
  }

  tell(event: string, data: Record<string, unknown>, id?: Message['id']): void {
    const { socket } = this.#options;
    if (socket.readyState !== OPEN) return;
    socket.send(JSON.stringify(id === undefined ? { event, data } : { event, data, id }));
    if (socket.bufferedAmount > UNREAD_LIMIT) socket.terminate();
  }

  begun(streamId: string): void {
    const userId = this.#expecting.get(streamId);
    if (userId !== undefined) this.#enqueue(() => this.#offer(streamId, userId));
  }

  /** The gateway is going down. */
  shutdown(): void {
    const { socket, clock } = this.#options;
    socket.close(CLOSE.goingAway, 'the server is restarting');
    clock.after(FAREWELL_MS, () => socket.terminate(), this.#life.signal);
  }

  #receive(data: Buffer | Buffer[] | ArrayBuffer, isBinary: boolean): void {
    let message: Message;
    try {
      if (isBinary || !Buffer.isBuffer(data))
        throw new PublicError(400, 'message_invalid', 'Messages are text.');
      message = parseMessage(data.toString());
    } catch (error) {
      this.#error(error);
      if (++this.#broken >= BROKEN_LIMIT)
        this.#options.socket.close(CLOSE.policy, 'too many messages could not be understood');
      return;
    }
    this.#broken = 0;
    if (this.#rate.take('') > 0 || this.#waiting >= WAITING_LIMIT) {
      this.#error(new PublicError(429, 'rate_limited', 'Too many messages: wait a little.'), message.id);
      return;
    }
    this.#enqueue(() => this.#do(message), message.id);
  }

  #enqueue(task: () => Promise<void>, id?: Message['id']): void {
    this.#waiting++;
    this.#turn = this.#turn.then(async () => {
      this.#waiting--;
      try {
        if (!this.#life.signal.aborted) await task();
      } catch (error) {
        this.#error(error, id);
      }
    });
  }

  async #do({ event, data, id }: Message): Promise<void> {
    switch (event) {
      case 'stream:offer':
        return await this.#publish(data, id);
      case 'stream:join':
        return await this.#join(data, id);
      case 'stream:ice-candidate': {
        const streamId = textIn(data, 'streamId');
        if (!this.#joined.has(streamId)) throw notYours();
        // Not needed, and never tried: see the WHIP and WHEP sessions.
        return this.#done(id);
      }
      case 'stream:layer':
        return this.#selectLayer(data, id);
      case 'stream:leave':
        this.#leave(textIn(data, 'streamId'));
        return this.#done(id);
      case 'stream:end': {
        const streamId = textIn(data, 'streamId');
        if (!this.#publications.has(streamId)) throw notYours();
        await this.#options.service.stopBroadcast(streamId);
        return this.#done(id);
      }
      case 'stream:answer':
        return await this.#accept(data, id);
      default:
        throw new PublicError(400, 'event_unknown', 'There is no such event.');
    }
  }

  /** A broadcaster, who shows it by the stream key. */
  async #publish(data: Record<string, unknown>, id: Message['id']): Promise<void> {
    const { service, offers, address, iceServers } = this.#options;
    const streamKey = textIn(data, 'streamKey');
    const offer = descriptionIn(data, 'offer');
    this.#takeOffer(offers);
    this.#takePlace();
    const publication = await service.publish({ streamKey, offer, address });
    const { streamId } = publication;
    if (this.#life.signal.aborted || (data.streamId !== undefined && data.streamId !== streamId)) {
      publication.leave();
      throw new PublicError(403, 'not_your_stream', 'The stream key belongs to another stream.');
    }
    this.#publications.set(streamId, publication);
    this.#enter(streamId);
    void publication.peer.closed.then(() => {
      if (this.#publications.get(streamId) !== publication) return;
      this.#publications.delete(streamId);
      this.tell('stream:disconnected', { streamId });
      this.#exit(streamId);
    });
    const answer = { type: 'answer', sdp: publication.answer };
    this.tell('stream:answer', { streamId, answer, iceServers: iceServers.list(streamId) }, id);
  }

  /** A viewer: with an offer of theirs they are answered, without one they get ours. */
  async #join(data: Record<string, unknown>, id: Message['id']): Promise<void> {
    const { service, offers } = this.#options;
    const streamId = textIn(data, 'streamId');
    const userId = typeof data.userId === 'string' ? data.userId.slice(0, 100) : 'viewer';
    const offer = data.offer === undefined ? undefined : descriptionIn(data, 'offer');
    if (offer !== undefined) this.#takeOffer(offers);
    if (!this.#joined.has(streamId)) this.#takePlace();
    const { connection, iceServers, state, viewers } = await service.joinStream(streamId, userId);
    if (this.#life.signal.aborted) return;
    if (offer === undefined) {
      this.#enter(streamId);
      this.#expecting.set(streamId, userId);
      this.tell('stream:joined', { streamId, iceServers, state, viewers }, id);
      if (state !== 'offline' && state !== 'ending') await this.#offer(streamId, userId);
      return;
    }
    this.#stopWatching(streamId);
    const viewing = await connection.answer(offer);
    if (!this.#watch(streamId, viewing)) return;
    const answer = { type: 'answer', sdp: viewing.answer };
    this.tell('stream:answer', { streamId, answer, iceServers }, id);
  }

  /** Offers a viewer the picture, be it anew. */
  async #offer(streamId: string, userId: string): Promise<void> {
    const { service, offers } = this.#options;
    this.#takeOffer(offers);
    this.#stopWatching(streamId);
    this.#expecting.set(streamId, userId);
    const connection = service.createPeerConnection(streamId, userId);
    const offer = { type: 'offer', sdp: await connection.createOffer() };
    if (this.#life.signal.aborted) {
      connection.close();
      return;
    }
    this.#offered.set(streamId, connection);
    this.tell('stream:offer', { streamId, offer, iceServers: connection.iceServers });
  }

  /** A viewer's answer to our offer. */
  async #accept(data: Record<string, unknown>, id: Message['id']): Promise<void> {
    const streamId = textIn(data, 'streamId');
    const answer = descriptionIn(data, 'answer');
    const connection = this.#offered.get(streamId);
    if (!connection)
      throw new PublicError(
        400,
        'answer_not_expected',
        'There is no offer to this connection for that stream.',
      );
    const viewing = await connection.acceptAnswer(answer);
    this.#offered.delete(streamId);
    if (this.#watch(streamId, viewing)) this.#done(id);
  }

  /** What was before would hold the address and port that the new connection may come from. */
  #stopWatching(streamId: string): void {
    const [viewing, offered] = [this.#viewings.get(streamId), this.#offered.get(streamId)];
    this.#viewings.delete(streamId);
    this.#offered.delete(streamId);
    this.#expecting.delete(streamId);
    viewing?.leave();
    offered?.close();
  }

  /** @returns false when the client has gone meanwhile. */
  #watch(streamId: string, viewing: ServiceViewing): boolean {
    if (this.#life.signal.aborted) {
      viewing.leave();
      return false;
    }
    this.#enter(streamId);
    this.#viewings.set(streamId, viewing);
    viewing.listen((event) => {
      if (event.type === 'layers') {
        const { layers, current = null, chosen = null } = event;
        this.tell('stream:layers', { streamId, layers, current, chosen });
      } else if (event.type !== 'viewercount') this.tell(`stream:${event.type}`, { streamId });
    });
    void viewing.ended.then(({ name, reason, message }) => {
      if (this.#viewings.get(streamId) !== viewing) return;
      this.#viewings.delete(streamId);
      this.tell('stream:ended', { streamId, reason, message, reconnect: name === 'reconnect' });
      const userId = this.#expecting.get(streamId);
      if (name === 'end') {
        this.#expecting.delete(streamId);
        this.#exit(streamId);
      } else if (userId !== undefined) this.#enqueue(() => this.#offer(streamId, userId));
    });
    return true;
  }

  #selectLayer(data: Record<string, unknown>, id: Message['id']): void {
    const viewing = this.#viewings.get(textIn(data, 'streamId'));
    if (!viewing) throw notYours();
    const rid = data.rid === undefined || data.rid === null ? undefined : textIn(data, 'rid');
    if (rid !== undefined && !viewing.layers.some((layer) => layer.rid === rid))
      throw new PublicError(400, 'layer_unknown', 'There is no such layer: stream:layers names them.');
    viewing.selectLayer(rid);
    this.#done(id);
  }

  #leave(streamId: string): void {
    this.#stopWatching(streamId);
    const publication = this.#publications.get(streamId);
    this.#publications.delete(streamId);
    publication?.leave();
    this.#exit(streamId);
  }

  #gone(): void {
    this.#life.abort();
    const streams = [...this.#joined];
    for (const streamId of streams) this.#leave(streamId);
    this.#options.log.debug({ streams: streams.length }, 'a signalling connection ended');
  }

  #enter(streamId: string): void {
    if (this.#life.signal.aborted) return;
    this.#joined.add(streamId);
    this.#options.rooms.enter(streamId, this);
  }

  #exit(streamId: string): void {
    const roles = [this.#viewings, this.#publications, this.#offered, this.#expecting];
    if (roles.some((role) => role.has(streamId))) return;
    this.#joined.delete(streamId);
    this.#options.rooms.leave(streamId, this);
  }

  #takeOffer(offers: OfferLimit): void {
    const wait = offers.take(this.#options.address);
    if (wait > 0)
      throw new PublicError(429, 'rate_limited', 'Too many offers from your address: wait and try again.');
  }

  #takePlace(): void {
    if (this.#joined.size >= STREAMS_LIMIT)
      throw new PublicError(409, 'too_many_streams', `One connection can have ${STREAMS_LIMIT} streams.`);
  }

  #done(id: Message['id']): void {
    if (id !== undefined) this.tell('ok', {}, id);
  }

  #error(error: unknown, id?: Message['id']): void {
    if (error instanceof PublicError) {
      const { code, message } = error;
      this.tell('error', { code, message }, id);
      return;
    }
    this.#options.log.error({ err: error }, 'a signalling message could not be handled');
    this.tell('error', { code: 'internal_error', message: 'Something went wrong on the server.' }, id);
  }

  #ping(): void {
    const { socket } = this.#options;
    if (!this.#alive) {
      socket.terminate();
      return;
    }
    this.#alive = false;
    if (socket.readyState === OPEN) socket.ping();
  }
}

function notYours(): PublicError {
  return new PublicError(403, 'not_your_stream', 'This connection has no part in that stream.');
}
