import { Agent, get, type IncomingMessage } from 'node:http';

/** Interval of playlist requests, ms: players wait no longer. */
const REQUEST_INTERVAL_MS = 2_000;

/**
 * HLS client without media: requests the multivariant playlist, then one media playlist at intervals. All clients
 * share one pool of connections, like a cache in front of the gateway.
 */
export class HlsViewer {
  static readonly #connections = new Agent({ keepAlive: true, maxSockets: 20 });
  readonly #url: string;
  readonly #lowLatency: boolean;
  #playlist: URL | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #watching = false;
  /** Errors of requests at intervals. */
  readonly errors: string[] = [];

  /** @param url of the multivariant playlist. `lowLatency`: asks for delta updates, as players of LL-HLS do. */
  constructor(url: string, { lowLatency = false } = {}) {
    this.#url = url;
    this.#lowLatency = lowLatency;
  }

  /** Viewer token; empty before the first playlist. */
  get token(): string {
    return this.#playlist?.searchParams.get('v') ?? '';
  }

  /** Requests the multivariant playlist and a media playlist of it. @throws when one is refused. */
  async start(): Promise<void> {
    const url = new URL(this.#playlist ?? this.#url);
    if (this.#playlist) {
      url.pathname = new URL(this.#url).pathname;
      url.searchParams.delete('_HLS_skip');
    }
    const multivariant = await this.#get(url);
    const media = multivariant.split('\n').find((line) => line !== '' && !line.startsWith('#'));
    this.#playlist = new URL(media ?? 'none', url);
    if (this.#lowLatency) this.#playlist.searchParams.set('_HLS_skip', 'YES');
    await this.requestPlaylist();
  }

  /** Requests the media playlist now and at intervals. @throws when it is refused. */
  async requestPlaylist(): Promise<void> {
    clearTimeout(this.#timer);
    if (!this.#playlist) throw new Error('nothing was started');
    await this.#get(this.#playlist);
    this.#watching = true;
    this.#scheduleRequest();
  }

  /** Stops requesting, without a leave. */
  stop(): void {
    this.#watching = false;
    clearTimeout(this.#timer);
  }

  /** Schedules the next request, also after an error, as players do. */
  #scheduleRequest(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      await this.#get(this.#playlist as URL).catch((error: Error) => this.errors.push(error.message));
      if (this.#watching) this.#scheduleRequest();
    }, REQUEST_INTERVAL_MS);
  }

  async #get(url: URL): Promise<string> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(url, { agent: HlsViewer.#connections }, resolve).once('error', reject);
    });
    let body = '';
    for await (const bytes of response) body += bytes;
    if (response.statusCode !== 200) throw new Error(`${url.pathname}: ${response.statusCode} ${body}`);
    return body;
  }
}
