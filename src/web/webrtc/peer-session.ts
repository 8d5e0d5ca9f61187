import { iceFragment } from './ice-fragment.js';
import type { PeerFailure } from './peer-failure.js';
import { type Refusal, WhipWhepSession } from './whip-whep-session.js';

export type PeerOptions = {
  /** The WHIP or WHEP endpoint. */
  url: string;
  /** For WHIP the stream key. */
  bearer?: string;
  /** The last word on the offer before it is sent. */
  adaptOffer: (sdp: string) => string;
  onConnected: () => void;
  /** Called once; the session is closed then. */
  onFailed: (failure: PeerFailure) => void;
};

/** From the answer to a standing connection. */
const CONNECT_MS = 4_000;
/** `disconnected` often passes; a connection that stays so for longer is lost. */
const DISCONNECTED_MS = 2_000;
/** The server learns our candidates from our checks; where these do not get through soon, it is told of them. */
const TRICKLE_AFTER_MS = 500;

/**
 * One `RTCPeerConnection` with its WHIP or WHEP session: from the offer, which is made of the transceivers that `peer`
 * has by then, to the end. It does not recover: another is made instead.
 */
export class PeerSession {
  readonly peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  readonly #options: PeerOptions;
  readonly #leaving = new AbortController();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #candidates: RTCIceCandidate[] = [];
  #session: WhipWhepSession | undefined;
  #connected = false;
  #closed = false;

  constructor(options: PeerOptions) {
    this.#options = options;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sends the offer and takes the answer. @returns the session, unless it failed or was closed meanwhile */
  async dial(): Promise<WhipWhepSession | undefined> {
    this.peer.onicecandidate = ({ candidate }) => candidate && this.#candidates.push(candidate);
    this.peer.onconnectionstatechange = () => this.#connectionChanged();
    window.addEventListener('pagehide', () => void this.close(), { signal: this.#leaving.signal });
    try {
      return await this.#negotiate();
    } catch (error) {
      this.fail({ kind: 'impossible', detail: error instanceof Error ? error.message : String(error) });
      return undefined;
    }
  }

  fail(failure: PeerFailure): void {
    if (this.#closed) return;
    void this.close();
    this.#options.onFailed(failure);
  }

  /** Calls back unless it is closed by then. */
  after(ms: number, callback: () => void): void {
    if (this.#closed) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      callback();
    }, ms);
    this.#timers.add(timer);
  }

  /** Ends the session; the server is told. Idempotent. @returns what it had against that, when it has answered */
  async close(): Promise<Refusal | undefined> {
    if (!this.#closed) {
      this.#closed = true;
      this.#leaving.abort();
      for (const timer of this.#timers) clearTimeout(timer);
      this.peer.close();
    }
    return await this.#session?.end();
  }

  async #negotiate(): Promise<WhipWhepSession | undefined> {
    const { peer } = this;
    const { url, bearer, adaptOffer } = this.#options;
    const { sdp = '' } = await peer.createOffer();
    const offer = adaptOffer(sdp);
    // The offer is sent before gathering begins, because the ICE servers to gather with come with the answer.
    const opened = await WhipWhepSession.open({
      endpoint: url,
      offer,
      ...(bearer === undefined ? {} : { bearer }),
    });
    if ('refusal' in opened) {
      this.fail({ kind: 'refused', refusal: opened.refusal });
      return undefined;
    }
    const { session } = opened;
    if (this.#closed) {
      void session.end();
      return undefined;
    }
    this.#session = session;
    if (session.iceServers.length > 0)
      peer.setConfiguration({ ...peer.getConfiguration(), iceServers: session.iceServers });
    await peer.setLocalDescription({ type: 'offer', sdp: offer });
    await peer.setRemoteDescription({ type: 'answer', sdp: session.answer });
    if (this.#closed) return undefined;
    this.#noticeGoodbye();
    this.after(CONNECT_MS, () => {
      if (!this.#connected) this.fail({ kind: 'unreachable' });
    });
    this.after(TRICKLE_AFTER_MS, () => {
      if (!this.#connected) void session.addCandidates(iceFragment(offer, this.#candidates));
    });
    return session;
  }

  #connectionChanged(): void {
    switch (this.peer.connectionState) {
      case 'connected':
        if (this.#connected) return;
        this.#connected = true;
        this.#options.onConnected();
        return;
      case 'disconnected':
        this.after(DISCONNECTED_MS, () => {
          if (this.peer.connectionState === 'disconnected') this.fail({ kind: 'lost' });
        });
        return;
      case 'failed':
        this.fail({ kind: this.#connected ? 'lost' : 'unreachable' });
    }
  }

  /** Who closes the connection in order says so by DTLS (close_notify), which ICE would notice only later. */
  #noticeGoodbye(): void {
    for (const { sender, receiver } of this.peer.getTransceivers()) {
      const transport = sender.transport ?? receiver.transport;
      transport?.addEventListener('statechange', () => {
        if (transport.state === 'closed') this.fail({ kind: 'lost' });
      });
    }
  }
}
