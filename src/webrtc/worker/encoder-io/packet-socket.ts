import { rm } from 'node:fs/promises';
import net from 'node:net';
import { FramedPacketReader } from '../../../media/index.js';
import type { WorkerContext } from '../context.js';
import type { PacketReceiver } from '../packet-queue.js';

/** Queued packets at which reading pauses and resumes: what waits in the socket does not become too old. */
const PAUSE_PACKETS = 256;
const RESUME_PACKETS = 64;

/** Receives framed RTP and RTCP packets (RFC 4571) of the gateway on a Unix socket. */
export class PacketSocket {
  readonly #context: WorkerContext;
  readonly #path: string;
  readonly #receiver: PacketReceiver;
  readonly #server: net.Server;
  #socket: net.Socket | undefined;

  constructor(context: WorkerContext, path: string, receiver: PacketReceiver) {
    this.#context = context;
    this.#path = path;
    this.#receiver = receiver;
    this.#server = net.createServer((socket) => this.#connected(socket));
    this.#server.maxConnections = 1;
  }

  /** Opens the socket. @throws Error when that fails */
  async start(): Promise<void> {
    await rm(this.#path, { force: true }); // a killed worker leaves its socket file
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ path: this.#path, backlog: 1 }, resolve);
    });
  }

  close(): void {
    this.#server.close();
    this.#socket?.destroy();
  }

  #connected(socket: net.Socket): void {
    this.#socket = socket;
    const { queue } = this.#context;
    const reader = new FramedPacketReader((packet) => queue.push(this.#receiver, packet));
    socket.on('data', (bytes) => {
      reader.read(bytes);
      if (queue.length < PAUSE_PACKETS) return;
      socket.pause();
      this.#resumeWhenDrained(socket);
    });
    socket.on('error', () => {});
  }

  #resumeWhenDrained(socket: net.Socket): void {
    setImmediate(() => {
      if (socket.destroyed) return;
      if (this.#context.queue.length > RESUME_PACKETS) this.#resumeWhenDrained(socket);
      else socket.resume();
    });
  }
}
