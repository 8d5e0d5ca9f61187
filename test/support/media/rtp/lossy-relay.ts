import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Page } from 'playwright-core';
import type { Test } from 'tap';

/** Queue limit before packets are dropped, ms; typical of routers. */
const QUEUE_MS = 250;

/**
 * Network between a browser and the gateway that drops packets in both directions, and may limit
 * the bitrate towards the browser.
 */
export class LossyRelay {
  /** Packet loss, 0 to 1. */
  loss: number;
  /** Bitrate limit towards the browser, bit/s; excess is queued, then dropped. */
  downlinkBps = Number.POSITIVE_INFINITY;
  forwarded = 0;
  lost = 0;
  /** Packets dropped by the full queue towards the browser. */
  dropped = 0;
  readonly #publicSocket: Socket;
  readonly #clients = new Map<string, Socket>();
  readonly #port: number;
  #lossDebt = 0;
  /** Time at which the queue towards the browser is empty, `performance.now()`. */
  #busyUntilMs = 0;

  private constructor(publicSocket: Socket, port: number, loss: number) {
    this.#publicSocket = publicSocket;
    this.#port = port;
    this.loss = loss;
    publicSocket.on('message', (packet, from) => {
      const key = `${from.address}:${from.port}`;
      let socket = this.#clients.get(key);
      if (!socket) {
        socket = createSocket('udp4');
        socket.on('message', (answer) =>
          this.#forward(() =>
            this.#queue(answer.length, () => publicSocket.send(answer, from.port, from.address)),
          ),
        );
        this.#clients.set(key, socket);
      }
      const outbound = socket;
      this.#forward(() => outbound.send(packet, this.#port, '127.0.0.1'));
    });
  }

  /** Opens a relay in front of a UDP port on loopback. */
  static async open(t: Test, port: number, loss: number): Promise<LossyRelay> {
    const publicSocket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(publicSocket, 'listening');
    const relay = new LossyRelay(publicSocket, port, loss);
    t.teardown(() => {
      relay.loss = 1; // keeps queued packets from a closed socket
      for (const socket of [publicSocket, ...relay.#clients.values()]) socket.close();
    });
    return relay;
  }

  get port(): number {
    return this.#publicSocket.address().port;
  }

  /** Routes the page's WebRTC connections through the relay: rewrites the port in WHIP and WHEP answers. */
  async routePage(page: Page): Promise<void> {
    await page.route(/\/wh[ie]p(\/|$)/, async (route) => {
      if (route.request().method() !== 'POST') return await route.continue();
      const response = await route.fetch();
      const body = (await response.text()).replaceAll(` ${this.#port} typ `, ` ${this.port} typ `);
      await route.fulfill({ response, body });
    });
  }

  /** Drops packets at even intervals, the same in every run. */
  #forward(send: () => void): void {
    this.#lossDebt += this.loss;
    if (this.#lossDebt >= 1) {
      this.#lossDebt -= 1;
      this.lost++;
    } else {
      this.forwarded++;
      send();
    }
  }

  /** Sends when the link is free; drops packets beyond the queue limit. */
  #queue(bytes: number, send: () => void): void {
    if (this.downlinkBps === Number.POSITIVE_INFINITY) {
      send();
      return;
    }
    const now = performance.now();
    const start = Math.max(now, this.#busyUntilMs);
    if (start - now > QUEUE_MS) {
      this.dropped++;
      return;
    }
    this.#busyUntilMs = start + (bytes * 8 * 1000) / this.downlinkBps;
    setTimeout(() => {
      if (this.loss < 1) send();
    }, this.#busyUntilMs - now);
  }
}
