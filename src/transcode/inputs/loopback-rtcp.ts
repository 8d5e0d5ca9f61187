import { createSocket, type Socket } from 'node:dgram';
import { SrtpProtector } from '../../media/index.js';

/** RTCP packet types (RFC 3550, section 12.1). */
const RECEIVER_REPORT = 201;
const BYE = 203;
const VERSION = 0x80;

/** Empty receiver report (RFC 3550, section 6.4.2): compound packets start with a report. */
const NO_RENDITION = [VERSION, RECEIVER_REPORT, 0, 1, 0, 0, 0, 0];
/** BYE of one source (section 6.6). */
const BYE_PACKET = [VERSION | 1, BYE, 0, 1, 0, 0, 0, 0];

/** Sends RTCP to ffmpeg's UDP port on loopback. */
export class LoopbackRtcp {
  readonly #socket: Socket;
  readonly #ready: Promise<void>;
  readonly #protector: SrtpProtector;
  #closed = false;

  /** @param srtpKey of the listening ffmpeg */
  constructor(port: number, srtpKey: string) {
    this.#protector = new SrtpProtector(srtpKey);
    this.#socket = createSocket('udp4');
    this.#socket.unref();
    this.#socket.on('error', () => {});
    this.#ready = new Promise((resolve) => this.#socket.connect(port, '127.0.0.1', () => resolve()));
  }

  /**
   * Whether a process listens: packets to a closed port are refused, which a connected socket reports on the next send.
   */
  async answers(): Promise<boolean> {
    await this.#ready;
    return (await this.#send(NO_RENDITION)) && (await this.#send(NO_RENDITION));
  }

  /** Sends BYE: ffmpeg ends when it has got one per stream. On the media port it follows all waiting packets. */
  bye(): void {
    void this.#ready.then(() => this.#send([...NO_RENDITION, ...BYE_PACKET]));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    void this.#ready.then(() => this.#socket.close());
  }

  #send(bytes: number[]): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false);
    return new Promise((resolve) =>
      this.#socket.send(this.#protector.protect(Buffer.from(bytes)), (error) => resolve(!error)),
    );
  }
}
