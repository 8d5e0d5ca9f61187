import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Page } from 'playwright-core';
import type { Test } from 'tap';

/** What waits for its turn at a narrow place before packets are dropped, ms: routers hold about so much. */
const QUEUE_MS = 250;

/**
 * A network between a browser and the gateway that loses packets: every 33rd (3 %) or all, either way; and may take
 * only so much towards the browser.
 */
export class LossyRelay {
  /** Share of the packets that is lost, 0 to 1. */
  loss: number;
  /** Bits per second towards the browser: what is more waits in a queue, or is dropped when that is full. */
  downlinkBps = Number.POSITIVE_INFINITY;
  forwarded = 0;
  lost = 0;
  /** Packets that found the queue towards the browser full. */
  dropped = 0;
  readonly #front: Socket;
  readonly #clients = new Map<string, Socket>();
  readonly #port: number;
  #lossDebt = 0;
  /** Until when what was sent towards the browser takes, `performance.now()`. */
  #busyUntilMs = 0;

  private constructor(front: Socket, port: number, loss: number) {
    this.#front = front;
    this.#port = port;
    this.loss = loss;
    front.on('message', (packet, from) => {
      const key = `${from.address}:${from.port}`;
      let socket = this.#clients.get(key);
      if (!socket) {
        socket = createSocket('udp4');
        socket.on('message', (answer) =>
          this.#forward(() => this.#queue(answer.length, () => front.send(answer, from.port, from.address))),
        );
        this.#clients.set(key, socket);
      }
      const outbound = socket;
      this.#forward(() => outbound.send(packet, this.#port, '127.0.0.1'));
    });
  }

  /** Stands in front of a UDP port on loopback. */
  static async open(t: Test, port: number, loss: number): Promise<LossyRelay> {
    const front = createSocket('udp4').bind(0, '127.0.0.1');
    await once(front, 'listening');
    const relay = new LossyRelay(front, port, loss);
    t.teardown(() => {
      relay.loss = 1; // nothing that still waits is sent by a closed socket
      for (const socket of [front, ...relay.#clients.values()]) socket.close();
    });
    return relay;
  }

  get port(): number {
    return this.#front.address().port;
  }

  /** Leads the page's WebRTC connections through here: the answers of WHIP and WHEP name this port. */
  async routePage(page: Page): Promise<void> {
    await page.route(/\/wh[ie]p(\/|$)/, async (route) => {
      if (route.request().method() !== 'POST') return await route.continue();
      const response = await route.fetch();
      const body = (await response.text()).replaceAll(` ${this.#port} typ `, ` ${this.port} typ `);
      await route.fulfill({ response, body });
    });
  }

  /** Loss at even distances: the same in every run. */
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

  /** Sends when the line is free; drops what would wait too long. */
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
