import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import S3rver from 's3rver';
import type { Test } from 'tap';
import { ObjectStore, type ObjectStoreOptions } from '../../../src/recordings/archive/object-store.js';

export type StoreRequest = { method: string; url: URL };
/** `away`: the connection is cut; a number: the HTTP status of a refusal; `hang`: no answer. */
export type StoreFault = 'away' | 'hang' | number | undefined;

/** An S3-compatible server (s3rver) on loopback, behind a front that can fail, with a log of the requests that it got. */
export class ObjectStoreServer {
  readonly options: ObjectStoreOptions;
  readonly requests: StoreRequest[] = [];
  /** Decides which requests fail; a request waits for a promise. */
  fault: (request: StoreRequest) => StoreFault | Promise<StoreFault> = () => undefined;
  /** Changes headers of answers. */
  answer: (request: StoreRequest, headers: http.IncomingHttpHeaders) => void = () => {};
  readonly #client: ObjectStore;

  private constructor(port: number) {
    this.options = {
      ...{
        endpoint: `http://127.0.0.1:${port}`,
        bucket: 'recordings',
        region: 'us-east-1',
        prefix: 'test/prefix',
      },
      ...{ accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER', pathStyle: true, redirects: false },
    };
    this.#client = new ObjectStore(this.options);
  }

  static async start(t: Test): Promise<ObjectStoreServer> {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'headend-objects-'));
    const behind = new S3rver({
      ...{ address: '127.0.0.1', port: 0, silent: true, directory },
      configureBuckets: [{ name: 'recordings', configs: [] }],
    });
    const { port: portBehind } = await behind.run();
    const front = http.createServer();
    front.listen(0, '127.0.0.1');
    await once(front, 'listening');
    const server = new ObjectStoreServer((front.address() as AddressInfo).port);
    front.on('request', (request, response) => void server.#pass(request, response, portBehind));
    t.teardown(async () => {
      await server.#client.close();
      front.closeAllConnections();
      front.close();
      await behind.close();
      rmSync(directory, { recursive: true, force: true });
    });
    return server;
  }

  /** Returns the bytes of an object; undefined when it does not exist. */
  async object(name: string): Promise<Buffer | undefined> {
    const { fault } = this;
    this.fault = () => undefined;
    try {
      const head = await this.#client.head(name);
      const stream = head && (await this.#client.read(name, 0, head.sizeBytes));
      return stream && Buffer.concat(await stream.toArray());
    } finally {
      this.fault = fault;
    }
  }

  /** Settings of a gateway that uses it. */
  get environment(): Record<string, string> {
    const { endpoint = '', bucket, prefix, accessKeyId, secretAccessKey } = this.options;
    return {
      ...{ S3_ENDPOINT: endpoint, S3_BUCKET: bucket, S3_PREFIX: prefix },
      ...{ S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey },
    };
  }

  /** Returns the keys of all objects. */
  async names(): Promise<string[]> {
    const { endpoint = '', bucket } = this.options;
    const listed = await (await fetch(`${endpoint}/${bucket}?list-type=2`)).text();
    return [...listed.matchAll(/<Key>([^<]*)<\/Key>/g)].map((match) => match[1] ?? '');
  }

  /** Returns the parts that were sent, by their number. */
  get partsSent(): number[] {
    return this.requests.flatMap(({ method, url }) =>
      method === 'PUT' ? Number(url.searchParams.get('partNumber')) : [],
    );
  }

  async #pass(request: http.IncomingMessage, response: http.ServerResponse, port: number): Promise<void> {
    const seen = { method: request.method ?? '', url: new URL(request.url ?? '', 'http://localhost') };
    this.requests.push(seen);
    const fault = await this.fault(seen);
    if (fault === 'hang') return;
    if (fault === 'away') return void request.socket.destroy();
    if (fault !== undefined) {
      request.resume();
      return void response.writeHead(fault, { connection: 'close' }).end();
    }
    const { method, url: target, headers } = request;
    const passed = http.request({ host: '127.0.0.1', port, method, path: target, headers, agent: false });
    passed.on('error', () => response.destroy());
    passed.on('response', (answer) => {
      this.answer(seen, answer.headers);
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    request.pipe(passed);
  }
}
