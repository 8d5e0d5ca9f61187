import { createSocket, type Socket } from 'node:dgram';
import type { AddressInfo } from 'node:net';

/** Attempts per pair: the system assigns ports at random, every other one odd. */
const TRIES = 64;
const HIGHEST_PORT = 65_535;

/**
 * Reserves pairs of free UDP ports on loopback: an even one for RTP and the next for RTCP (RFC 3550, section 11).
 * Another process can take them before ffmpeg, which then fails and restarts with other ports.
 */
export class PortPairs {
  readonly #taken = new Set<number>();

  /** @returns the even port @throws when there is no free pair */
  async take(): Promise<number> {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const first = await bindTo(0);
      if (!first) continue;
      const { port } = first.address() as AddressInfo;
      const even = port & ~1;
      const other = even < 1_024 || even >= HIGHEST_PORT ? undefined : await bindTo(port ^ 1);
      first.close();
      other?.close();
      if (!other || this.#taken.has(even)) continue;
      this.#taken.add(even);
      return even;
    }
    throw new Error('there is no free pair of UDP ports');
  }

  /** @param port returned by `take` */
  release(port: number): void {
    this.#taken.delete(port);
  }

  /** Reserved pairs. */
  get size(): number {
    return this.#taken.size;
  }
}

function bindTo(port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => {
      socket.close();
      resolve(undefined);
    });
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => {
      socket.removeAllListeners('error');
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}
