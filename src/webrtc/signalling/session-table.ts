import { randomBytes } from 'node:crypto';
import { type ErrorCode, PublicError } from '../../platform/index.js';
import type { RemoteTransport } from '../media-plan.js';
import type { Peer } from '../pool-types.js';

/** 128 bits: whoever knows a session's address may end it, so nobody may guess one. */
const ID_BYTES = 16;
const ETAG_BYTES = 8;

/** So many sessions are remembered for why they ended. */
const FAREWELLS = 1_000;

/** What stands behind a session's address. */
export type SessionContent = {
  readonly peer: Peer;
  readonly streamId: string;
  /** SDP. */
  readonly answer: string;
  /** Why we ended it, where its client must know that. */
  readonly farewell?: Farewell | undefined;
  /** The client says goodbye. */
  leave(): void;
};

/** What a client is told that comes back to a session which is over. */
export type Farewell = {
  /** Stable, for programs. */
  code: ErrorCode;
  /** A sentence for people. */
  message: string;
};

/** A WHIP or WHEP session: the HTTP resource that a POST with an offer made. */
export type SignallingSession<T extends SessionContent> = {
  readonly id: string;
  /** Names the ICE session (RFC 9725 section 4.3.1); a strong entity tag with its quotes. */
  readonly etag: string;
  readonly remoteUfrag: string;
  readonly content: T;
};

/** The sessions of one endpoint; each is here until its peer is gone. */
export class SessionTable<T extends SessionContent> {
  readonly #maximum: number;
  readonly #sessions = new Map<string, SignallingSession<T>>();
  /** By session, oldest first. */
  readonly #farewells = new Map<string, Farewell>();
  /** Being negotiated: they take a place already. */
  #pending = 0;

  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  get size(): number {
    return this.#sessions.size + this.#pending;
  }

  /** @throws PublicError 404, or 410 where its client should know why it is over. */
  get(id: string): SignallingSession<T> {
    const session = this.#sessions.get(id);
    const farewell = session?.content.farewell ?? this.#farewells.get(id);
    if (farewell) throw new PublicError(410, farewell.code, farewell.message);
    if (session) return session;
    throw new PublicError(404, 'session_not_found', 'There is no such session (any more).');
  }

  /**
   * Opens a session when `negotiate` has made its peer.
   *
   * @throws PublicError 503 `capacity_reached`, and what `negotiate` throws.
   */
  async open(remote: RemoteTransport, negotiate: () => Promise<T>): Promise<SignallingSession<T>> {
    if (this.size >= this.#maximum)
      throw new PublicError(503, 'capacity_reached', 'The server has no place left for WebRTC right now.');
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
    void content.peer.closed.then(() => this.#end(session));
    return session;
  }

  /** The client says goodbye: its address is gone at once. */
  leave(session: SignallingSession<T>): void {
    this.#sessions.delete(session.id);
    session.content.leave();
  }
  #end({ id, content }: SignallingSession<T>): void {
    if (!this.#sessions.delete(id) || !content.farewell) return;
    this.#farewells.set(id, content.farewell);
    for (const oldest of this.#farewells.keys()) {
      if (this.#farewells.size <= FAREWELLS) break;
      this.#farewells.delete(oldest);
    }
  }
}
