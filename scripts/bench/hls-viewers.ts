import net from 'node:net';

const HEAD_END = Buffer.from('\r\n\r\n');

/** `bytes`: length of the body, which is empty if it was not kept. */
type Response = { status: number; body: string; bytes: number };

/** HTTP/1.1 client that keeps its connection, reads only what the gateway sends (Content-Length), and drops media. */
class Client {
  readonly #port: number;
  #socket: net.Socket | undefined;
  #head: Buffer | undefined;
  #status = 0;
  #closes = false;
  #keepsBody = true;
  #leftBytes = 0;
  #bodyBytes = 0;
  #body: Buffer[] = [];
  #settle: { resolve(response: Response): void; reject(error: Error): void } | undefined;
  connects = 0;

  constructor(port: number) {
    this.#port = port;
  }

  get(path: string, keepsBody: boolean): Promise<Response> {
    this.#keepsBody = keepsBody;
    this.#socket ??= this.#connect();
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  close(): void {
    this.#settle = undefined;
    this.#socket?.destroy();
  }

  #connect(): net.Socket {
    this.connects++;
    const socket = net.connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
    const failed = (error: Error): void => {
      if (socket === this.#socket) this.#settle?.reject(error);
    };
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('error', failed);
    socket.on('close', () => failed(new Error('the server closed the connection')));
    return socket;
  }

  #read(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#leftBytes === 0) {
      const read: Buffer = this.#head ? Buffer.concat([this.#head, chunk]) : chunk;
      const end = read.indexOf(HEAD_END);
      this.#head = end < 0 ? read : undefined;
      if (end < 0) return;
      const head = read.toString('latin1', 0, end);
      this.#status = Number(head.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length));
      this.#leftBytes = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
      this.#bodyBytes = this.#leftBytes;
      this.#closes = /\r\nconnection: close/i.test(head);
      this.#body = [];
      bytes = read.subarray(end + HEAD_END.length);
    }
    this.#leftBytes -= bytes.length;
    if (this.#keepsBody) this.#body.push(bytes);
    if (this.#leftBytes > 0) return;
    if (this.#closes) {
      this.#socket?.destroy();
      this.#socket = undefined;
    }
    const body = Buffer.concat(this.#body).toString('latin1');
    this.#settle?.resolve({ status: this.#status, body, bytes: this.#bodyBytes });
  }
}

/** First time at which a playlist with the part came to any viewer, and the times in which viewers had the part, ms. */
export type PartTimes = {
  listedAt: Map<string, number>;
  delaysMs: number[];
  refused: number;
  failed: number;
  /** Bytes of media. */
  bytes: number;
};

/** Viewer of the first video rendition that takes every part by blocking reloads. */
export class HlsLoadViewer {
  readonly #client: Client;
  readonly #times: PartTimes;
  readonly #multivariantPath: string;
  #folder = '';
  #query = '';
  #isStopped = false;

  constructor(port: number, multivariantPath: string, times: PartTimes) {
    this.#client = new Client(port);
    this.#multivariantPath = multivariantPath;
    this.#times = times;
  }

  get connects(): number {
    return this.#client.connects;
  }

  /** Loads what a player loads before its first picture: playlists, initialization section, newest part. */
  async join(): Promise<string> {
    const multivariant = await this.#text(this.#multivariantPath);
    const uri =
      multivariant.split('\n').find((line) => line.includes('.m3u8') && !line.startsWith('#')) ?? '';
    const url = new URL(uri, `http://localhost${this.#multivariantPath}`);
    this.#query = url.search;
    this.#folder = url.pathname.replace(/[^/]+$/, '');
    const playlist = await this.#text(`${url.pathname}${url.search}`);
    await this.#load(/EXT-X-MAP:URI="([^"]+)"/.exec(playlist)?.[1] ?? '');
    await this.#load([...playlist.matchAll(/EXT-X-PART:.*URI="([^"]+)"/g)].at(-1)?.[1] ?? '');
    return playlist;
  }

  /** Joins and plays until it is stopped. */
  async play(): Promise<void> {
    let hint = hintOf(await this.join());
    while (!this.#isStopped) {
      const playlist = await this.#text(
        `${this.#folder}index.m3u8${this.#query}&_HLS_msn=${hint.msn}&_HLS_part=${hint.part}&_HLS_skip=YES`,
      );
      const now = performance.now();
      const { listedAt, delaysMs } = this.#times;
      const key = `${hint.msn}.${hint.part}`;
      if (!listedAt.has(key)) listedAt.set(key, now);
      if (!playlist.includes(`"p${key}.m4s"`)) {
        hint = hintOf(playlist);
        continue;
      }
      await this.#load(`p${key}.m4s`);
      delaysMs.push(performance.now() - (listedAt.get(key) ?? now));
      hint = hintAfter(playlist, key);
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#client.close();
  }

  async #text(path: string): Promise<string> {
    const { status, body } = await this.#client.get(path, true);
    if (status !== 200) this.#times.refused++;
    if (status !== 200) throw new Error(`${status} ${path}`);
    return body;
  }

  async #load(file: string): Promise<void> {
    const { status, bytes } = await this.#client.get(`${this.#folder}${file}`, false);
    this.#times.bytes += bytes;
    if (status !== 200) this.#times.refused++;
  }
}

function hintOf(playlist: string): { msn: string; part: string } {
  const [, msn = '0', part = '0'] = /PRELOAD-HINT:TYPE=PART,URI="p(\d+)\.(\d+)\.m4s"/.exec(playlist) ?? [];
  return { msn, part };
}

/** Returns the part after `key`, so that a late viewer takes every part too. */
function hintAfter(playlist: string, key: string): { msn: string; part: string } {
  const names = [...playlist.matchAll(/URI="p(\d+\.\d+)\.m4s"/g)].map((match) => match[1] ?? '');
  const [msn = '0', part = '0'] = (names[names.indexOf(key) + 1] ?? key).split('.');
  return { msn, part };
}
