import { BROADCAST_END, type BroadcastEnd } from '../../streams/index.js';
import type {
  CloseReason,
  Layer,
  PeerEnd,
  SessionContent,
  ViewerEvent,
  ViewingPeer,
} from '../../webrtc/index.js';

/** Why a viewing is over, as the viewer is told. */
export type ViewingEnd = {
  /** Whether the same viewer should connect again at once. */
  name: 'end' | 'reconnect';
  /** Stable, for programs: how the broadcast ended, how the peer ended, `unavailable`, or `dismissed`. */
  reason: BroadcastEnd | PeerEnd | 'unavailable' | 'dismissed';
  /** A sentence for people. */
  message: string;
};

/** What a viewer is told while they watch. */
export type ViewingEvent = ViewerEvent | { type: 'viewercount'; viewers: number };

/** Somebody who watches by WebRTC. */
export type Viewing = SessionContent & {
  readonly broadcastId: string;
  readonly peer: ViewingPeer;
  /** The index of the media section with the picture, by which players name it; undefined without a picture. */
  readonly videoSection: string | undefined;
  /** The layers as last told; empty while unknown. */
  readonly layers: readonly Layer[];
  /** Resolves when the viewer's connection is established (ICE and DTLS are done); not if it ends before. */
  readonly connected: Promise<void>;
  /** Resolves when it is over. */
  readonly ended: Promise<ViewingEnd>;
  /**
   * Tells the listener what is known and then what happens, until it is over.
   *
   * @returns a function that ends this.
   */
  listen(listener: (event: ViewingEvent) => void): () => void;
  /** Undefined: the server chooses by what the viewer's network takes. */
  selectLayer(rid: string | undefined): void;
  /** Ends it because the viewer may not watch any more. */
  dismiss(): void;
};

const DISMISSED: ViewingEnd = {
  name: 'end',
  reason: 'dismissed',
  message: 'You may not watch this livestream any more.',
};

/** What the end of a peer means to the viewer, where nothing else ended it. */
const PEER_ENDS: Record<PeerEnd, ViewingEnd> = {
  left: { name: 'end', reason: 'left', message: 'You have left.' },
  closed: { name: 'end', reason: 'closed', message: 'The connection was closed.' },
  lost: { name: 'reconnect', reason: 'lost', message: 'The connection was lost.' },
  'never-connected': { name: 'end', reason: 'never-connected', message: 'No connection came about.' },
  'channel-closed': { name: 'end', reason: 'channel-closed', message: 'The broadcast is over.' },
  'worker-died': { name: 'reconnect', reason: 'worker-died', message: 'The server lost the connection.' },
};

export function viewingEndOf(reason: BroadcastEnd): ViewingEnd {
  const { viewers, playlist } = BROADCAST_END[reason];
  return { name: playlist === 'hold' ? 'reconnect' : 'end', reason, message: viewers };
}

export type ViewingOptions = Pick<Viewing, 'streamId' | 'broadcastId' | 'peer' | 'answer' | 'videoSection'>;

/** A viewing as the channel keeps it. */
export class ViewingSession implements Viewing {
  readonly streamId: string;
  readonly broadcastId: string;
  readonly peer: ViewingPeer;
  readonly answer: string;
  readonly videoSection: string | undefined;
  readonly ended: Promise<ViewingEnd>;
  #settle: (end: ViewingEnd) => void = () => {};
  readonly #listeners = new Set<(event: ViewingEvent) => void>();
  #flow: ViewingEvent | undefined;
  #layers: Extract<ViewerEvent, { type: 'layers' }> | undefined;
  #viewers: number | undefined;
  #closeReason: CloseReason | undefined;

  constructor(options: ViewingOptions) {
    this.streamId = options.streamId;
    this.broadcastId = options.broadcastId;
    this.peer = options.peer;
    this.answer = options.answer;
    this.videoSection = options.videoSection;
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.peer.onEvent((event) => {
      if (event.type === 'layers') this.#layers = event;
      else this.#flow = event;
      this.#tell(event);
    });
    void this.peer.closed.then((reason) => this.end(PEER_ENDS[reason]));
  }

  get connected(): Promise<void> {
    return this.peer.connected;
  }

  get closeReason(): CloseReason | undefined {
    return this.#closeReason;
  }

  get layers(): readonly Layer[] {
    return this.#layers?.layers ?? [];
  }

  listen(listener: (event: ViewingEvent) => void): () => void {
    this.#listeners.add(listener);
    // The first thing told is never that nothing flows: there has been nothing yet (draft-ietf-wish-whep).
    if (this.#flow?.type === 'active') listener(this.#flow);
    if (this.#layers) listener(this.#layers);
    if (this.#viewers !== undefined) listener({ type: 'viewercount', viewers: this.#viewers });
    return () => this.#listeners.delete(listener);
  }

  selectLayer(rid: string | undefined): void {
    this.peer.selectLayer(rid);
  }

  /** How many watch the channel. */
  count(viewers: number): void {
    if (this.#viewers === viewers) return;
    this.#viewers = viewers;
    this.#tell({ type: 'viewercount', viewers });
  }

  leave(): void {
    this.end(PEER_ENDS.left);
    this.peer.close();
  }

  dismiss(): void {
    this.#closeReason ??= { code: 'viewer_dismissed', message: DISMISSED.message };
    this.end(DISMISSED);
    this.peer.close();
  }

  /** It is over; the first reason stands. */
  end(end: ViewingEnd): void {
    this.#settle(end);
    this.#listeners.clear();
  }

  #tell(event: ViewingEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
