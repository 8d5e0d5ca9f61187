import { iceFragment } from './ice-fragment.js';
import type { PeerFailure } from './peer-failure.js';
import { type WebrtcRefusal, WhipWhepSession } from './whip-whep-session.js';

export type PeerSessionOptions = {
  /** WHIP or WHEP endpoint. */
  url: string;
  /** Bearer token (RFC 6750): for WHIP the stream key. */
  bearer?: string;
  /** Edits the offer before it is sent. */
  adaptOffer: (sdp: string) => string;
  onConnected: () => void;
  /** Called once; the session is closed by then. */
  onFailed: (failure: PeerFailure) => void;
};

/** From the answer to a connected state. */
const CONNECT_TIMEOUT_MS = 4_000;
/** `disconnected` often recovers; after this time the connection counts as lost. */
const DISCONNECTED_TIMEOUT_MS = 2_000;
/** The server learns peer-reflexive candidates from connectivity checks; candidates are sent when these take longer. */
const TRICKLE_AFTER_MS = 500;

/**
 * `RTCPeerConnection` with its WHIP or WHEP session. The offer is made of the transceivers that `peer` has when
 * `connect` is called. It does not reconnect: its owner creates another.
 */
export class PeerSession {
  readonly peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  readonly #options: PeerSessionOptions;
  readonly #listeners = new AbortController();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #candidates: RTCIceCandidate[] = [];
  #session: WhipWhepSession | undefined;
  #connected = false;
  #closed = false;

  constructor(options: PeerSessionOptions) {
    this.#options = options;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sends the offer and applies the answer. @returns the session; undefined when it failed or was closed meanwhile */
  async connect(): Promise<WhipWhepSession | undefined> {
    this.peer.onicecandidate = ({ candidate }) => candidate && this.#candidates.push(candidate);
    this.peer.onconnectionstatechange = () => this.#connectionStateChanged();
    window.addEventListener('pagehide', () => void this.close(), { signal: this.#listeners.signal });
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

  /** Runs a callback after a delay unless the session is closed by then. */
  after(ms: number, callback: () => void): void {
    if (this.#closed) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      callback();
    }, ms);
    this.#timers.add(timer);
  }

  /**
   * Closes the connection and deletes the session on the server. Idempotent.
   *
   * @returns the refusal of the deletion, if any
   */
  async close(): Promise<WebrtcRefusal | undefined> {
    if (!this.#closed) {
      this.#closed = true;
      this.#listeners.abort();
      for (const timer of this.#timers) clearTimeout(timer);
      this.peer.close();
    }
    return await this.#session?.endSession();
  }

  async #negotiate(): Promise<WhipWhepSession | undefined> {
    const { peer } = this;
    const { url, bearer, adaptOffer } = this.#options;
    const { sdp = '' } = await peer.createOffer();
    const offer = adaptOffer(sdp);
    // The offer is sent before gathering starts, because the ICE servers arrive with the answer.
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
      void session.endSession();
      return undefined;
    }
    this.#session = session;
    if (session.iceServers.length > 0)
      peer.setConfiguration({ ...peer.getConfiguration(), iceServers: session.iceServers });
    await peer.setLocalDescription({ type: 'offer', sdp: offer });
    await peer.setRemoteDescription({ type: 'answer', sdp: session.answer });
    if (this.#closed) return undefined;
    this.#watchDtlsClose();
    this.after(CONNECT_TIMEOUT_MS, () => {
      if (!this.#connected) this.fail({ kind: 'unreachable' });
    });
    this.after(TRICKLE_AFTER_MS, () => {
      if (!this.#connected) void session.addCandidates(iceFragment(offer, this.#candidates));
    });
    return session;
  }

  #connectionStateChanged(): void {
    switch (this.peer.connectionState) {
      case 'connected':
        if (this.#connected) return;
        this.#connected = true;
        this.#options.onConnected();
        return;
      case 'disconnected':
        this.after(DISCONNECTED_TIMEOUT_MS, () => {
          if (this.peer.connectionState === 'disconnected') this.fail({ kind: 'lost' });
        });
        return;
      case 'failed':
        this.fail({ kind: this.#connected ? 'lost' : 'unreachable' });
    }
  }

  /** Detects DTLS close_notify, seconds before ICE detects the loss. */
  #watchDtlsClose(): void {
    for (const { sender, receiver } of this.peer.getTransceivers()) {
      const transport = sender.transport ?? receiver.transport;
      transport?.addEventListener('statechange', () => {
        if (transport.state === 'closed') this.fail({ kind: 'lost' });
      });
    }
  }
}
