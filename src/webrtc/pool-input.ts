import { HeadendError, newId } from '../platform/index.js';
import type { RtcVideoCodec } from './media-plan.js';
import type { WorkerReport } from './messages.js';
import { PictureWriter } from './picture-writer.js';
import type { ReceiveRtpOptions, ReceiveSlateOptions, RtpInput, SlateInput } from './pool-types.js';
import type { WorkerProcess } from './worker-process.js';

type Addresses = Omit<Extract<WorkerReport, { type: 'receiving' }>, 'type' | 'id'>;

/** State shared by what receives media in a worker. */
abstract class WorkerInput {
  readonly worker: WorkerProcess;
  readonly closed: Promise<void>;
  readonly #id: string;
  readonly #onClose: () => void;
  #resolveClosed: () => void = () => {};

  constructor(id: string, worker: WorkerProcess, onClose: () => void) {
    this.#id = id;
    this.worker = worker;
    this.#onClose = onClose;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  /** Idempotent. */
  close(): void {
    this.worker.send({ type: 'close', id: this.#id });
    this.closeWriter();
    this.#onClose();
    this.#resolveClosed();
  }

  protected abstract closeWriter(): void;
}

/** Input of a worker. */
export class PoolInput extends WorkerInput implements RtpInput {
  readonly videoPort?: number;
  readonly audioPort?: number;
  readonly pictures?: PictureWriter;

  private constructor(
    id: string,
    worker: WorkerProcess,
    addresses: Addresses,
    codec: RtcVideoCodec | undefined,
    onClose: () => void,
  ) {
    super(id, worker, onClose);
    const { videoPort, audioPort, picturePath } = addresses;
    if (videoPort !== undefined) this.videoPort = videoPort;
    if (audioPort !== undefined) this.audioPort = audioPort;
    if (picturePath !== undefined && codec) this.pictures = new PictureWriter(picturePath, codec);
  }

  /** @throws HeadendError `webrtc_unavailable` */
  static async open(
    worker: WorkerProcess,
    { mediaSourceId, video, audio }: ReceiveRtpOptions,
    onClose: () => void,
  ): Promise<PoolInput> {
    const id = newId();
    const answer = await worker.request({
      ...{ type: 'receive-rtp', id, mediaSourceId },
      ...(video ? { video } : {}),
      ...(audio ? { audio } : {}),
    });
    if (answer.type !== 'receiving') throw unexpectedAnswer();
    return new PoolInput(id, worker, answer, video?.codec, onClose);
  }

  protected closeWriter(): void {
    this.pictures?.close();
  }
}

/** Writer of a slate in a worker. */
export class PoolSlate extends WorkerInput implements SlateInput {
  readonly pictures: PictureWriter;

  private constructor(id: string, worker: WorkerProcess, pictures: PictureWriter, onClose: () => void) {
    super(id, worker, onClose);
    this.pictures = pictures;
  }

  /** @throws HeadendError `webrtc_unavailable` */
  static async open(
    worker: WorkerProcess,
    { mediaSourceId, codec }: ReceiveSlateOptions,
    onClose: () => void,
  ): Promise<PoolSlate> {
    const id = newId();
    const answer = await worker.request({ type: 'receive-slate', id, mediaSourceId });
    if (answer.type !== 'receiving' || answer.picturePath === undefined) throw unexpectedAnswer();
    return new PoolSlate(id, worker, new PictureWriter(answer.picturePath, codec), onClose);
  }

  protected closeWriter(): void {
    this.pictures.close();
  }
}

function unexpectedAnswer(): HeadendError {
  return new HeadendError('webrtc_unavailable', 'the WebRTC worker sent an unexpected answer');
}
