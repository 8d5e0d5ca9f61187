import type { PictureState, SourceCounters, SourceInfo } from '../media/index.js';
import type { LocalTransport } from './media-plan.js';
import type { WorkerReport } from './messages.js';
import type {
  PeerEnd,
  PublishingPeer,
  SentEvent,
  SourceFault,
  ViewerEvent,
  ViewingPeer,
} from './pool-types.js';
import type { WorkerProcess } from './worker-process.js';

/** Reports about the media of a publisher. */
type PublisherReport = Extract<
  WorkerReport,
  { type: 'source' | 'media' | 'picture' | 'counters' | 'faults' }
>;
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
  #faultsListener: ((faults: SourceFault[]) => void) | undefined;
  #faults: SourceFault[] = [];
  #pictureListener: ((state: PictureState) => void) | undefined;
  #countersListener: ((counters: SourceCounters) => void) | undefined;

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

  onFaults(listener: (faults: SourceFault[]) => void): void {
    this.#faultsListener = listener;
    if (this.#faults.length > 0) listener(this.#faults);
  }

  onPicture(listener: (state: PictureState) => void): void {
    this.#pictureListener = listener;
  }

  onCounters(listener: (counters: SourceCounters) => void): void {
    this.#countersListener = listener;
  }

  /** Takes what the worker tells of the media. */
  mediaReported(report: PublisherReport): void {
    switch (report.type) {
      case 'source':
        this.#source = report.source;
        this.#sourceListener?.(report.source);
        return;
      case 'media':
        this.#media = { startedAt: report.startedAt, has: report.has };
        this.#mediaListener?.(report.startedAt, report.has);
        return;
      case 'picture':
        this.#pictureListener?.(report.state);
        return;
      case 'counters':
        this.#countersListener?.(report.counters);
        return;
      case 'faults':
        this.#faults = report.faults;
        this.#faultsListener?.(report.faults);
    }
  }
}

/** Viewing peer; replays buffered events to a listener that is set later. */
export class PoolViewer extends PoolPeer implements ViewingPeer {
  readonly viewerGroupId: string;
  #listener: ((event: ViewerEvent | SentEvent) => void) | undefined;
  #bufferedEvents: (ViewerEvent | SentEvent)[] = [];

  constructor(id: string, worker: WorkerProcess, viewerGroupId: string) {
    super(id, worker);
    this.viewerGroupId = viewerGroupId;
  }

  selectLayer(rid: string | undefined): void {
    this.worker.send({ type: 'select-layer', id: this.id, ...(rid === undefined ? {} : { rid }) });
  }

  onEvent(listener: (event: ViewerEvent | SentEvent) => void): void {
    this.#listener = listener;
    for (const event of this.#bufferedEvents.splice(0)) listener(event);
  }

  eventReported(event: ViewerEvent | SentEvent): void {
    if (this.#listener) {
      this.#listener(event);
      return;
    }
    this.#bufferedEvents.push(event);
    if (this.#bufferedEvents.length > MAXIMUM_BUFFERED_EVENTS) this.#bufferedEvents.shift();
  }
}
