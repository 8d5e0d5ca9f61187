import type { SourceInfo } from '../media/index.js';
import type { LocalTransport } from './media-plan.js';
import type { PeerEnd, PublishingPeer, ViewerEvent, ViewingPeer } from './pool-types.js';
import type { WorkerProcess } from './worker-process.js';

type SourceDescription = Pick<SourceInfo, 'video' | 'audio'>;
type PresentMedia = { audio: boolean; video: boolean };

/** Events buffered until a listener is set; older ones are dropped. */
const MAXIMUM_BUFFERED_EVENTS = 16;

/** State shared by publishing and viewing peers on the gateway's side. */
abstract class PoolPeer {
  readonly id: string;
  readonly worker: WorkerProcess;
  readonly connected: Promise<void>;
  readonly closed: Promise<PeerEnd>;
  /** Set when the worker has answered the request. */
  local!: LocalTransport;
  markConnected!: () => void;
  markClosed!: (end: PeerEnd) => void;

  constructor(id: string, worker: WorkerProcess) {
    this.id = id;
    this.worker = worker;
    this.connected = new Promise((resolve) => {
      this.markConnected = resolve;
    });
    this.closed = new Promise((resolve) => {
      this.markClosed = resolve;
    });
  }

  close(): void {
    this.worker.send({ type: 'close', id: this.id });
  }
}

/** Publishing peer; replays the last reports to a listener that is set later. */
export class PoolPublisher extends PoolPeer implements PublishingPeer {
  readonly mediaSourceId: string;
  #sourceListener: ((source: SourceDescription) => void) | undefined;
  #mediaListener: ((startedAt: number, has: PresentMedia) => void) | undefined;
  #source: SourceDescription | undefined;
  #media: { startedAt: number; has: PresentMedia } | undefined;

  constructor(id: string, worker: WorkerProcess, mediaSourceId: string) {
    super(id, worker);
    this.mediaSourceId = mediaSourceId;
  }

  onSource(listener: (source: SourceDescription) => void): void {
    this.#sourceListener = listener;
    if (this.#source) listener(this.#source);
  }

  onMedia(listener: (startedAt: number, has: PresentMedia) => void): void {
    this.#mediaListener = listener;
    if (this.#media) listener(this.#media.startedAt, this.#media.has);
  }

  sourceReported(source: SourceDescription): void {
    this.#source = source;
    this.#sourceListener?.(source);
  }

  mediaStarted(startedAt: number, has: PresentMedia): void {
    this.#media = { startedAt, has };
    this.#mediaListener?.(startedAt, has);
  }
}

/** Viewing peer; replays buffered events to a listener that is set later. */
export class PoolViewer extends PoolPeer implements ViewingPeer {
  readonly viewerGroupId: string;
  #listener: ((event: ViewerEvent) => void) | undefined;
  #bufferedEvents: ViewerEvent[] = [];

  constructor(id: string, worker: WorkerProcess, viewerGroupId: string) {
    super(id, worker);
    this.viewerGroupId = viewerGroupId;
  }

  selectLayer(rid: string | undefined): void {
    this.worker.send({ type: 'select-layer', id: this.id, ...(rid === undefined ? {} : { rid }) });
  }

  onEvent(listener: (event: ViewerEvent) => void): void {
    this.#listener = listener;
    for (const event of this.#bufferedEvents.splice(0)) listener(event);
  }

  eventReported(event: ViewerEvent): void {
    if (this.#listener) {
      this.#listener(event);
      return;
    }
    this.#bufferedEvents.push(event);
    if (this.#bufferedEvents.length > MAXIMUM_BUFFERED_EVENTS) this.#bufferedEvents.shift();
  }
}
