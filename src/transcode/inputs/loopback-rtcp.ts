import { createSocket, type Socket } from 'node:dgram';
import { SrtpProtector } from '../../media/index.js';

/** RTCP packet types (RFC 3550, section 12.1). */
const RECEIVER_REPORT = 201;
const BYE = 203;
const VERSION = 0x80;

/** An empty receiver report (RFC 3550, section 6.4.2): it says nothing, but any packet must begin with a report. */
const NOTHING = [VERSION, RECEIVER_REPORT, 0, 1, 0, 0, 0, 0];
/** The goodbye of one source (section 6.6). */
const GOODBYE = [VERSION | 1, BYE, 0, 1, 0, 0, 0, 0];

/** Talks RTCP to the ffmpeg that listens on one UDP port of loopback. */
export class LoopbackRtcp {
  readonly #socket: Socket;
  readonly #ready: Promise<void>;
  readonly #protector: SrtpProtector;
  #closed = false;

  /** @param srtpKey that the listening ffmpeg knows */
  constructor(port: number, srtpKey: string) {
    this.#protector = new SrtpProtector(srtpKey);
    this.#socket = createSocket('udp4');
    this.#socket.unref();
    this.#socket.on('error', () => {});
    this.#ready = new Promise((resolve) => this.#socket.connect(port, '127.0.0.1', () => resolve()));
  }

  /**
   * Whether somebody listens there. What is sent to a closed port is refused, which a connected socket is told when it
   * sends again.
   */
  async answers(): Promise<boolean> {
    await this.#ready;
    return (await this.#send(NOTHING)) && (await this.#send(NOTHING));
  }

  /**
   * The sender of these media has left: ffmpeg takes it for the end of all when it has heard it of each. Said on the
   * port of the media, where ffmpeg understands it too, it comes after all packets that still wait there.
   */
  bye(): void {
    void this.#ready.then(() => this.#send([...NOTHING, ...GOODBYE]));
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
