import type { Clock, Logger } from '../platform/index.js';
import { PublicError } from '../platform/index.js';
import type { SocketClient, SocketFeature, SocketHub } from '../sockets/index.js';
import { type AdmittedViewer, BROADCAST_END, type StreamChange } from '../streams/index.js';
import { type IceServers, OfferLimit, VIEWER_OFFER_LIMITS } from '../webrtc/index.js';
import { Participant } from './participant.js';
import type { WebrtcService } from './webrtc-service.js';

export type SignallingOptions = {
  service: WebrtcService;
  iceServers: Pick<IceServers, 'list'>;
  hub: Pick<SocketHub, 'broadcast'>;
  /** Admits a client, as the viewer of the token if there is one. @throws PublicError */
  admit: (client: SocketClient, streamId: string, token?: string) => Promise<AdmittedViewer>;
  /** Reports changes of state of all broadcasts. @returns a function that unsubscribes */
  onChange: (listener: (change: StreamChange) => void) => () => void;
  clock: Clock;
  log: Logger;
  /** Limits offers per address; shared with other ways of signalling. */
  offers?: OfferLimit;
};

/** Message limit of a session description with escaped line ends, bytes. */
const DESCRIPTION_LIMIT_BYTES = 64 * 1024;
/** Interval at which changed numbers of viewers are broadcast. */
const VIEWER_COUNT_INTERVAL_MS = 1_000;
/** Holder of the membership in a stream's room, which other features share. */
const HOLDER = 'signalling';

type Stream = { participants: Set<Participant>; viewers: number };

/**
 * Handles WebRTC signalling over the socket, for publishers and viewers.
 *
 * From clients: `stream:offer {streamKey, offer, streamId?}` publishes, also without a key where the client is signed in as
 * the livestream's broadcaster or an admin: `stream:offer {streamId, offer}`. `stream:join {streamId, userId?, viewerToken?}`
 * joins and gets an offer as soon as media are available, `stream:answer {streamId, answer}` takes it, `stream:ice-candidate
 * {streamId, candidate}`, `stream:layer {streamId, rid?}`, `stream:leave {streamId}`, `stream:end {streamId}`.
 *
 * To clients: `stream:joined {streamId, iceServers, state, viewers}`, `stream:offer {streamId, offer, iceServers}`,
 * `stream:answer {streamId, answer, iceServers}`, `stream:active`, `stream:inactive`, `stream:layers`, `stream:viewers`,
 * `stream:ended {streamId, reason, message, reconnect}` (watching ended), `stream:disconnected` (publishing ended),
 * and to everybody in the stream's room `stream:state {streamId, state}`: `live`, `reconnecting` (with `until`, Unix ms) or
 * `ended` (with `reason` and `message`).
 *
 * A viewer may also make the offer: `stream:join {streamId, offer}` is answered by `stream:answer`. Offers and answers are
 * SDP, or objects of `type` and `sdp` as in browsers. After a failure of the server it sends a new offer.
 */
export class Signalling implements SocketFeature {
  readonly name = 'signalling';
  readonly events: SocketFeature['events'];
  readonly limits = {
    'stream:offer': DESCRIPTION_LIMIT_BYTES,
    'stream:join': DESCRIPTION_LIMIT_BYTES,
    'stream:answer': DESCRIPTION_LIMIT_BYTES,
  };
  readonly #options: SignallingOptions;
  readonly #offers: OfferLimit;
  readonly #participants = new WeakMap<SocketClient, Participant>();
  /** Streams with participants. */
  readonly #streams = new Map<string, Stream>();
  readonly #lifetime = new AbortController();

  constructor(options: SignallingOptions) {
    this.#options = options;
    this.#offers = options.offers ?? new OfferLimit(options.clock, VIEWER_OFFER_LIMITS);
    this.events = {
      'stream:offer': (client, data) => this.#of(client).publish(data),
      'stream:join': (client, data) => this.#of(client).join(data),
      'stream:answer': (client, data) => this.#of(client).acceptAnswer(data),
      'stream:ice-candidate': (client, data) => this.#of(client).acceptCandidate(data),
      'stream:layer': (client, data) => this.#of(client).selectLayer(data),
      'stream:leave': (client, data) => this.#of(client).leave(data),
      'stream:end': (client, data) => this.#of(client).endLivestream(data),
    };
  }

  start(): void {
    const { clock, onChange } = this.#options;
    const { signal } = this.#lifetime;
    signal.addEventListener(
      'abort',
      onChange((change) => this.#streamChanged(change)),
    );
    clock.every(VIEWER_COUNT_INTERVAL_MS, () => this.#broadcastViewerCounts(), signal);
  }

  clientDisconnected(client: SocketClient): void {
    this.#participants.get(client)?.clientDisconnected();
    this.#participants.delete(client);
  }

  close(): void {
    this.#lifetime.abort();
  }

  #of(client: SocketClient): Participant {
    let participant = this.#participants.get(client);
    if (!participant) {
      const { service, admit, iceServers, clock } = this.#options;
      participant = new Participant({
        client,
        service,
        admit,
        iceServers,
        offers: this.#offers,
        clock,
        enter: (streamId, member) => this.#enter(streamId, client, member),
        leave: (streamId, member) => this.#leave(streamId, client, member),
        onError: (error) => this.#sendError(client, error),
      });
      this.#participants.set(client, participant);
    }
    return participant;
  }

  #enter(streamId: string, client: SocketClient, participant: Participant): void {
    const viewers = this.#options.service.viewers(streamId);
    const stream = this.#streams.get(streamId) ?? { participants: new Set(), viewers };
    this.#streams.set(streamId, stream);
    stream.participants.add(participant);
    client.enter(`stream:${streamId}`, HOLDER);
    client.enter(countRoom(streamId));
  }

  #leave(streamId: string, client: SocketClient, participant: Participant): void {
    client.leave(`stream:${streamId}`, HOLDER);
    client.leave(countRoom(streamId));
    const stream = this.#streams.get(streamId);
    stream?.participants.delete(participant);
    if (stream?.participants.size === 0) this.#streams.delete(streamId);
  }

  #streamChanged({ streamId, from, to, wasLive, end }: StreamChange): void {
    const { hub } = this.#options;
    const sendState = (state: string, more = {}): void =>
      hub.broadcast(`stream:${streamId}`, 'stream:state', { streamId, state, ...more });
    if (to.name === 'live') sendState('live');
    else if (to.name === 'reconnecting') sendState('reconnecting', { until: to.until });
    else if (end !== undefined && wasLive && BROADCAST_END[end].closesRow)
      sendState('ended', { reason: end, message: BROADCAST_END[end].viewers });
    if (from !== 'offline' || to.name === 'ending') return;
    for (const participant of this.#streams.get(streamId)?.participants ?? [])
      participant.broadcastStarted(streamId);
  }

  #broadcastViewerCounts(): void {
    const { service, hub } = this.#options;
    for (const [streamId, stream] of this.#streams) {
      const viewers = service.viewers(streamId);
      if (viewers === stream.viewers) continue;
      stream.viewers = viewers;
      hub.broadcast(countRoom(streamId), 'stream:viewers', { streamId, viewers }, { droppable: true });
    }
  }

  #sendError(client: SocketClient, error: unknown): void {
    if (client.signal.aborted) return;
    if (error instanceof PublicError) {
      client.send('error', { code: error.code, message: error.message });
      return;
    }
    this.#options.log.error({ err: error }, 'WebRTC offer to a socket viewer failed');
    client.send('error', { code: 'internal_error', message: 'Something went wrong on the server.' });
  }
}

/** Returns the room that gets the number of WebRTC viewers. */
function countRoom(streamId: string): string {
  return `signalling:${streamId}`;
}
