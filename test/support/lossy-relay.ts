import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Page } from 'playwright-core';
import type { Test } from 'tap';

/** A network between a browser and the gateway that loses packets: every 33rd (3 %) or all, either way. */
export class LossyRelay {
  /** Share of the packets that is lost, 0 to 1. */
  loss: number;
  forwarded = 0;
  lost = 0;
  readonly #front: Socket;
  readonly #behind = new Map<string, Socket>();
  readonly #port: number;
  #debt = 0;

  private constructor(front: Socket, port: number, loss: number) {
    this.#front = front;
    this.#port = port;
    this.loss = loss;
    front.on('message', (packet, from) => {
      const key = `${from.address}:${from.port}`;
      let socket = this.#behind.get(key);
      if (!socket) {
        socket = createSocket('udp4');
        socket.on('message', (answer) => this.#pass(() => front.send(answer, from.port, from.address)));
        this.#behind.set(key, socket);
      }
      const way = socket;
      this.#pass(() => way.send(packet, this.#port, '127.0.0.1'));
    });
  }

  /** Stands in front of a UDP port on loopback. */
  static async open(t: Test, port: number, loss: number): Promise<LossyRelay> {
    const front = createSocket('udp4').bind(0, '127.0.0.1');
    await once(front, 'listening');
    const relay = new LossyRelay(front, port, loss);
    t.teardown(() => {
      for (const socket of [front, ...relay.#behind.values()]) socket.close();
    });
    return relay;
  }

  get port(): number {
    return this.#front.address().port;
  }

  /** Leads the page's WebRTC connections through here: the answers of WHIP and WHEP name this port. */
  async lead(page: Page): Promise<void> {
    await page.route(/\/wh[ie]p(\/|$)/, async (route) => {
      if (route.request().method() !== 'POST') return await route.continue();
      const response = await route.fetch();
      const body = (await response.text()).replaceAll(` ${this.#port} typ `, ` ${this.port} typ `);
      await route.fulfill({ response, body });
    });
  }

  /** Loss at even distances: the same in every run. */
  #pass(send: () => void): void {
    this.#debt += this.loss;
    if (this.#debt >= 1) {
      this.#debt -= 1;
      this.lost++;
    } else {
      this.forwarded++;
      send();
    }
  }
}
