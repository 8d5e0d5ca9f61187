import { createSocket, type Socket } from 'node:dgram';
import type { AddressInfo } from 'node:net';

/** So often a pair is looked for: the system offers ports at random, and every other one is odd. */
const TRIES = 64;
const HIGHEST_PORT = 65_535;

/**
 * Finds pairs of UDP ports that are free on loopback: an even one for RTP and the next for RTCP (RFC 3550, section 11).
 * What was taken is not given again until it is released; a stranger can still be faster than ffmpeg, which then fails
 * and is started again with other ports.
 */
export class PortPairs {
  readonly #taken = new Set<number>();

  /** @returns the even port. @throws when the system has no free pair. */
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

  /** @param port as `take` gave it. */
  release(port: number): void {
    this.#taken.delete(port);
  }

  /** How many pairs are in use. */
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
