import type { WorkerReport } from './messages.js';
import { PictureWriter } from './picture-writer.js';
import type { RtpInput } from './pool-types.js';
import type { WorkerProcess } from './worker-process.js';

type Addresses = Omit<Extract<WorkerReport, { type: 'receiving' }>, 'type' | 'id'>;

/** Input of a worker. */
export class PoolInput implements RtpInput {
  readonly worker: WorkerProcess;
  readonly videoPort?: number;
  readonly audioPort?: number;
  readonly h264?: PictureWriter;
  readonly closed: Promise<void>;
  readonly #id: string;
  readonly #onClose: () => void;
  #resolveClosed: () => void = () => {};

  constructor(id: string, worker: WorkerProcess, addresses: Addresses, onClose: () => void) {
    const { videoPort, audioPort, picturePath } = addresses;
    this.#id = id;
    this.worker = worker;
    if (videoPort !== undefined) this.videoPort = videoPort;
    if (audioPort !== undefined) this.audioPort = audioPort;
    if (picturePath !== undefined) this.h264 = new PictureWriter(picturePath);
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
