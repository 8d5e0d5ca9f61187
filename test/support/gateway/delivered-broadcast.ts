import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Test } from 'tap';
import { CONNECTION_TIMEOUTS, createServer, type ServerOptions } from '../../../src/api/index.js';
import { type CmcdSample, HlsDelivery, hlsRoutes } from '../../../src/egress/hls/index.js';
import { createLog } from '../../../src/platform/index.js';
import type { ViewerAdmission } from '../../../src/streams/index.js';
import { FakeClock } from '../fakes/fake-clock.js';
import type { Ladder } from '../media/cmaf-ladder.js';
import { until } from '../until.js';
import { HttpConnection } from './http-connection.js';
import { PackagedBroadcast } from './packaged-broadcast.js';

export type DeliveredOptions = {
  ladder: Ladder;
  /** Media time at which the broadcast pauses until `continueBroadcast`, s. */
  pauseS: number;
  admission: ViewerAdmission;
  server?: Partial<ServerOptions>;
  processes?: number;
  timeouts?: Partial<typeof CONNECTION_TIMEOUTS>;
  /** Adds routes. */
  routes?(app: FastifyInstance): void;
};

/** Gateway server with a packaged broadcast, and with delivery processes that take over when the test says so. */
export class DeliveredBroadcast {
  readonly broadcast = new PackagedBroadcast({ keyframeInterval: 2 });
  readonly app: FastifyInstance;
  readonly delivery: HlsDelivery;
  /** Requests of delivery processes to the gateway. */
  readonly requests: string[] = [];
  /** Client data of requests. */
  readonly cmcd: CmcdSample[] = [];
  readonly #options: DeliveredOptions;
  /** Clock of the gateway's side of delivery. */
  readonly #clock = new FakeClock();
  #utilization = 0;
  #continue: () => Promise<void> = async () => {};

  private constructor(options: DeliveredOptions) {
    this.#options = options;
    const log = createLog('silent');
    this.delivery = new HlsDelivery({
      processes: options.processes ?? 1,
      timeouts: { ...CONNECTION_TIMEOUTS, ...options.timeouts },
      admission: options.admission,
      recordCmcd: (sample) => void this.cmcd.push(sample),
      utilization: () => this.#utilization,
      clock: this.#clock,
      log,
    });
    this.app = createServer({
      log,
      clock: this.#clock,
      trustProxy: false,
      version: '1.2.3',
      takeConnection: (...connection) => this.delivery.takeConnection(...connection),
      ...options.server,
    });
  }

  static async start(t: Test, options: DeliveredOptions): Promise<DeliveredBroadcast> {
    const delivered = new DeliveredBroadcast(options);
    t.teardown(() => delivered.close());
    await delivered.#start();
    return delivered;
  }

  async close(): Promise<void> {
    this.broadcast.packager.close();
    await Promise.all([this.app.close(), this.delivery.close()]);
  }

  get port(): number {
    return (this.app.server.address() as AddressInfo).port;
  }

  connect(t: Test): HttpConnection {
    const connection = new HttpConnection(this.port);
    t.teardown(() => connection.socket.destroy());
    return connection;
  }

  /** Makes the gateway busy or idle; one sample is taken. */
  async setBusy(isBusy: boolean): Promise<void> {
    this.#utilization = isBusy ? 1 : 0;
    await this.sample();
  }

  /** Lets the gateway measure its load once. */
  async sample(): Promise<void> {
    await this.#clock.advance(1_000);
  }

  /** Makes the gateway busy until a delivery process takes connections over. */
  async startProcess(): Promise<void> {
    this.#utilization = 1;
    await until('a process takes connections', async () => {
      await this.sample();
      const connection = new HttpConnection(this.port);
      await connection.request('GET', '/hls/none/index.m3u8');
      connection.socket.destroy();
      return this.requests.length > 0;
    });
    this.requests.length = 0;
  }

  /** Publishes the rest of the broadcast. */
  continueBroadcast(): Promise<void> {
    return this.#continue();
  }

  async #start(): Promise<void> {
    const { ladder, pauseS, admission, routes } = this.#options;
    await this.app.register(hlsRoutes, {
      packager: this.broadcast.packager,
      admission,
      load: { isFull: false, share: 0 },
      recordCmcd: (sample) => void this.cmcd.push(sample),
      clock: this.broadcast.clock,
      log: createLog('silent'),
    });
    routes?.(this.app);
    this.delivery.start(this.app.server, (request, response) => {
      this.requests.push(`${request.method} ${request.url}`);
      this.app.routing(request, response);
    });
    await this.app.listen({ port: 0, host: '127.0.0.1' });
    const reader = this.broadcast.startRun(0, ladder.renditions);
    const split = ladder.chunks.findIndex(({ timeS }) => timeS >= pauseS);
    await this.broadcast.writeChunks(reader, ladder.chunks.slice(0, split));
    this.#continue = () => this.broadcast.writeChunks(reader, ladder.chunks.slice(split));
  }
}
