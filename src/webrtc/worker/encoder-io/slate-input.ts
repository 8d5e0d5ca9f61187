import {
  isRtcp,
  RTCP,
  type RtcpVisitor,
  RtpHeader,
  readSenderReport,
  visitRtcp,
} from '../../../media/index.js';
import { LOOPBACK_PAYLOAD_TYPES } from '../../pool-types.js';
import type { WorkerContext } from '../context.js';
import type { PausedLayers } from '../receive/paused-layers.js';
import { PacketSocket } from './packet-socket.js';

/** Receives a slate of the gateway on a Unix socket, in place of the video of a publisher whose picture pauses. */
export class SlateInput implements RtcpVisitor {
  readonly #context: WorkerContext;
  readonly #layers: PausedLayers;
  readonly #socket: PacketSocket;
  readonly #header = new RtpHeader();

  /** @param path Unix socket, in a folder that other users cannot enter */
  constructor(context: WorkerContext, path: string, layers: PausedLayers) {
    this.#context = context;
    this.#layers = layers;
    this.#socket = new PacketSocket(context, path, this);
  }

  /** Opens the socket. @throws Error when that fails, or when the picture does not pause (any more) */
  async start(): Promise<void> {
    if (!this.#layers.beginSlate(this)) throw new Error('the picture does not pause');
    await this.#socket.start();
  }

  close(): void {
    this.#layers.endSlate(this);
    this.#socket.close();
  }

  receivePacket(packet: Buffer, at: number): void {
    if (isRtcp(packet)) {
      visitRtcp(packet, this);
      return;
    }
    const header = this.#header;
    if (!header.read(packet) || header.payloadType !== LOOPBACK_PAYLOAD_TYPES.video) return;
    this.#context.counters.packetsIn++;
    this.#layers.writeSlate(this, packet, header, at);
  }

  rtcp(packet: Buffer, type: number, _count: number, offset: number, length: number): void {
    if (type !== RTCP.senderReport) return;
    const report = readSenderReport(packet, offset, length);
    if (report) this.#layers.reportSlate(report);
  }
}
