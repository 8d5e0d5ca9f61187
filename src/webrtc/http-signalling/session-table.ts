import { randomBytes } from 'node:crypto';
import { type ErrorCode, PublicError } from '../../platform/index.js';
import type { RemoteTransport } from '../media-plan.js';
import type { Peer } from '../pool-types.js';

/** 128 bits: the session URL is a capability to end the session, so it must not be guessable. */
const ID_BYTES = 16;
const ETAG_BYTES = 8;

/** Maximum close reasons kept after sessions have ended. */
const KEPT_CLOSE_REASONS = 1_000;

/** Content of a session. */
export type SessionContent = {
  readonly peer: Peer;
  readonly streamId: string;
  /** SDP answer. */
  readonly answer: string;
  /** Reason for a close by the server that the client must learn. */
  readonly closeReason?: CloseReason | undefined;
  /** Ends the session at the client's request. */
  leave(): void;
};

/** Reason reported with 410 to requests for a closed session. */
export type CloseReason = {
  /** Stable error code. */
  code: ErrorCode;
  /** Sentence for users. */
  message: string;
};

/** WHIP or WHEP session: the HTTP resource created by a POST with an offer. */
export type SignallingSession<T extends SessionContent> = {
  readonly id: string;
  /** Entity tag of the ICE session (RFC 9725 section 4.3.1), strong, with quotes. */
  readonly etag: string;
  readonly remoteUfrag: string;
  readonly content: T;
};

/** Sessions of an endpoint, kept until their peers close. */
export class SessionTable<T extends SessionContent> {
  readonly #maximum: number;
  readonly #sessions = new Map<string, SignallingSession<T>>();
  /** Close reasons by session id, oldest first. */
  readonly #closeReasons = new Map<string, CloseReason>();
  /** Sessions being negotiated; they count towards the limit. */
  #pending = 0;

  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  get size(): number {
    return this.#sessions.size + this.#pending;
  }

  has(id: string): boolean {
    return this.#sessions.has(id);
  }

  /** Returns a session. @throws PublicError 404; 410 when it was closed with a reason */
  get(id: string): SignallingSession<T> {
    const session = this.#sessions.get(id);
    const closeReason = session?.content.closeReason ?? this.#closeReasons.get(id);
    if (closeReason) throw new PublicError(410, closeReason.code, closeReason.message);
    if (session) return session;
    throw new PublicError(
      404,
      'session_not_found',
      'The session does not exist or has ended: make a new one by POST.',
    );
  }

  /**
   * Opens a session after `negotiate` has created its peer.
   *
   * @throws PublicError 503 `capacity_reached`, and errors of `negotiate`.
   */
  async open(remote: RemoteTransport, negotiate: () => Promise<T>): Promise<SignallingSession<T>> {
    if (this.size >= this.#maximum)
      throw new PublicError(
        503,
        'capacity_reached',
        'The server has reached its limit of WebRTC sessions: try again later.',
      );
    this.#pending++;
    let content: T;
    try {
      content = await negotiate();
    } finally {
      this.#pending--;
    }
    const session: SignallingSession<T> = {
      id: randomBytes(ID_BYTES).toString('base64url'),
      etag: `"${randomBytes(ETAG_BYTES).toString('hex')}"`,
      remoteUfrag: remote.iceUfrag,
      content,
    };
    this.#sessions.set(session.id, session);
    void content.peer.closed.then(() => this.#sessionClosed(session));
    return session;
  }

  /** Removes the session at once and ends it at the client's request. */
  leave(session: SignallingSession<T>): void {
    this.#sessions.delete(session.id);
    session.content.leave();
  }
  #sessionClosed({ id, content }: SignallingSession<T>): void {
    if (!this.#sessions.delete(id) || !content.closeReason) return;
    this.#closeReasons.set(id, content.closeReason);
    for (const oldest of this.#closeReasons.keys()) {
      if (this.#closeReasons.size <= KEPT_CLOSE_REASONS) break;
      this.#closeReasons.delete(oldest);
    }
  }
}
