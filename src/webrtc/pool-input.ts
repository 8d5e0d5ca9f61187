import { H264Writer } from './h264-writer.js';
import type { WorkerReport } from './messages.js';
import type { RtpInput } from './pool-types.js';
import type { WorkerProcess } from './worker-process.js';

type Addresses = Omit<Extract<WorkerReport, { type: 'receiving' }>, 'type' | 'id'>;

/** Input of a worker. */
export class PoolInput implements RtpInput {
  readonly worker: WorkerProcess;
  readonly videoPort?: number;
  readonly audioPort?: number;
  readonly h264?: H264Writer;
  readonly closed: Promise<void>;
  readonly #id: string;
  readonly #onClose: () => void;
  #resolveClosed: () => void = () => {};

  constructor(id: string, worker: WorkerProcess, addresses: Addresses, onClose: () => void) {
    const { videoPort, audioPort, h264Path } = addresses;
    this.#id = id;
    this.worker = worker;
    if (videoPort !== undefined) this.videoPort = videoPort;
    if (audioPort !== undefined) this.audioPort = audioPort;
    if (h264Path !== undefined) this.h264 = new H264Writer(h264Path);
    this.#onClose = onClose;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  /** Idempotent. */
  close(): void {
    this.worker.send({ type: 'close', id: this.#id });
    this.h264?.close();
    this.#onClose();
    this.#resolveClosed();
  }
}
