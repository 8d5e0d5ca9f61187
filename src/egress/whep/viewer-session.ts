import { BROADCAST_END, type BroadcastEnd } from '../../streams/index.js';
import type {
  CloseReason,
  Layer,
  PeerEnd,
  SessionContent,
  ViewerEvent,
  ViewingPeer,
} from '../../webrtc/index.js';

/** Reason of the end of a session, as sent to the viewer. */
export type ViewerSessionEnd = {
  /** `reconnect`: the viewer should connect again at once. */
  name: 'end' | 'reconnect';
  /** Stable code: end of the broadcast, end of the peer, `unavailable`, or `dismissed`. */
  reason: BroadcastEnd | PeerEnd | 'unavailable' | 'dismissed';
  /** Sentence for the viewer. */
  message: string;
};

/** Event of a session before its end. */
export type ViewerSessionEvent = ViewerEvent | { type: 'viewercount'; viewers: number };

/** Session of one WebRTC viewer. */
export type ViewerSession = SessionContent & {
  readonly broadcastId: string;
  readonly peer: ViewingPeer;
  /** Index of the video media section, which players send as `mediaId`; undefined without video. */
  readonly videoSection: string | undefined;
  /** Media bytes sent so far; counted for restreams only. */
  readonly sentBytes: number;
  /** Latest layers; empty while unknown. */
  readonly layers: readonly Layer[];
  /** Resolves when ICE and DTLS are done; never if the session ends before. */
  readonly connected: Promise<void>;
  /** Resolves with the reason when the session ends. */
  readonly ended: Promise<ViewerSessionEnd>;
  /**
   * Calls the listener with the current state and with each event until the session ends.
   *
   * @returns a function that removes the listener.
   */
  listen(listener: (event: ViewerSessionEvent) => void): () => void;
  /** Selects a simulcast layer; undefined: the server selects by the viewer's bandwidth. */
  selectLayer(rid: string | undefined): void;
  /** Ends the session because the viewer's permission has ended. */
  dismiss(): void;
};

const DISMISSED: ViewerSessionEnd = {
  name: 'end',
  reason: 'dismissed',
  message: 'You may not watch this livestream any more.',
};

/** End of the session by the end of its peer, unless another reason came first. */
const PEER_ENDS: Record<PeerEnd, ViewerSessionEnd> = {
  left: { name: 'end', reason: 'left', message: 'You have left.' },
  closed: { name: 'end', reason: 'closed', message: 'The connection was closed.' },
  lost: { name: 'reconnect', reason: 'lost', message: 'The connection was lost.' },
  'never-connected': {
    name: 'end',
    reason: 'never-connected',
    message: 'No connection could be established.',
  },
  'channel-closed': { name: 'end', reason: 'channel-closed', message: 'The broadcast is over.' },
  'worker-died': { name: 'reconnect', reason: 'worker-died', message: 'The server lost the connection.' },
};

export function viewerSessionEndOf(reason: BroadcastEnd): ViewerSessionEnd {
  const { viewers, playlist } = BROADCAST_END[reason];
  return { name: playlist === 'hold' ? 'reconnect' : 'end', reason, message: viewers };
}

export type ViewerSessionOptions = Pick<
  ViewerSession,
  'streamId' | 'broadcastId' | 'peer' | 'answer' | 'videoSection'
>;

/** Viewer session with the methods that `WhepBroadcast` calls. */
export class WebrtcViewerSession implements ViewerSession {
  readonly streamId: string;
  readonly broadcastId: string;
  readonly peer: ViewingPeer;
  readonly answer: string;
  readonly videoSection: string | undefined;
  readonly ended: Promise<ViewerSessionEnd>;
  #settle: (end: ViewerSessionEnd) => void = () => {};
  readonly #listeners = new Set<(event: ViewerSessionEvent) => void>();
  #activity: ViewerSessionEvent | undefined;
  #layers: Extract<ViewerEvent, { type: 'layers' }> | undefined;
  #viewers: number | undefined;
  #sentBytes = 0;
  #closeReason: CloseReason | undefined;

  constructor(options: ViewerSessionOptions) {
    this.streamId = options.streamId;
    this.broadcastId = options.broadcastId;
    this.peer = options.peer;
    this.answer = options.answer;
    this.videoSection = options.videoSection;
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.peer.onEvent((event) => {
      if (event.type === 'sent') {
        this.#sentBytes = event.bytes;
        return;
      }
      if (event.type === 'layers') this.#layers = event;
      else this.#activity = event;
      this.#emit(event);
    });
    void this.peer.closed.then((reason) => this.endSession(PEER_ENDS[reason]));
  }

  get connected(): Promise<void> {
    return this.peer.connected;
  }

  get closeReason(): CloseReason | undefined {
    return this.#closeReason;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  get layers(): readonly Layer[] {
    return this.#layers?.layers ?? [];
  }

  listen(listener: (event: ViewerSessionEvent) => void): () => void {
    this.#listeners.add(listener);
    // `inactive` is never the first event, as nothing was active before (draft-ietf-wish-whep).
    if (this.#activity?.type === 'active') listener(this.#activity);
    if (this.#layers) listener(this.#layers);
    if (this.#viewers !== undefined) listener({ type: 'viewercount', viewers: this.#viewers });
    return () => this.#listeners.delete(listener);
  }

  selectLayer(rid: string | undefined): void {
    this.peer.selectLayer(rid);
  }

  /** Emits the number of connected viewers of the broadcast when it has changed. */
  setViewerCount(viewers: number): void {
    if (this.#viewers === viewers) return;
    this.#viewers = viewers;
    this.#emit({ type: 'viewercount', viewers });
  }

  leave(): void {
    this.endSession(PEER_ENDS.left);
    this.peer.close();
  }

  dismiss(): void {
    this.#closeReason ??= { code: 'viewer_dismissed', message: DISMISSED.message };
    this.endSession(DISMISSED);
    this.peer.close();
  }

  /** Ends the session; the first reason counts. */
  endSession(end: ViewerSessionEnd): void {
    this.#settle(end);
    this.#listeners.clear();
  }

  #emit(event: ViewerSessionEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
