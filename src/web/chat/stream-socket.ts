import { LiveSocket, type SocketData, SocketRefusal } from '../api/reconnecting-socket.js';
import { TabToken } from '../api/viewer-token.js';
import { ChatLog, type ChatMessage, holdBack } from './chat-log.js';

/** How a chat is set, as far as those who write must know. */
export type ChatMode = {
  slowMode: number;
  membersOnly: boolean;
  followersOnly: boolean;
  emoteOnly: boolean;
  anonymous: boolean;
};

export type StreamSocketOptions = {
  streamId: string;
  /** When the picture on the screen was, Unix ms by the server's clock; undefined where that is now. */
  pictureDate: () => number | undefined;
  /** The stream began, ended, waits for its publisher, or is not for us any more. */
  onState: () => void;
  onChange: () => void;
};

/** Before joining is tried again on a connection that stands. */
const JOIN_AGAIN_MS = 10_000;
/** There will be a place for us when somebody leaves. */
const NO_PLACE: ReadonlySet<string> = new Set(['viewer_limit_reached', 'capacity_reached']);
/** It is not known whether the server did what it was asked. */
const UNCERTAIN: ReadonlySet<string> = new Set(['connection_lost', 'timeout']);

/** What a watch page hears of its stream: who is there, what they say. */
export class StreamSocket {
  readonly log = new ChatLog();
  readonly #options: StreamSocketOptions;
  readonly #socket: LiveSocket;
  readonly #token: TabToken;
  readonly #life = new AbortController();
  readonly #held = new Set<ReturnType<typeof setTimeout>>();
  #joinAgain: ReturnType<typeof setTimeout> | undefined;
  /** Up to which every message is known, shown or held back. */
  #last: string | undefined;
  /** The newest message that came; there may be a gap before it until what was missed has come. */
  #newest: string | undefined;
  #caughtUp = false;
  /** A message that may have been taken: sent again, it must be known again. */
  #uncertain: { message: string; clientId: string } | undefined;
  connected = false;
  /** Why there is no place for us at the moment, in a sentence. */
  refusal: string | undefined;
  moderator = false;
  viewers: number | undefined;
  mode: ChatMode | undefined;

  constructor(options: StreamSocketOptions) {
    this.#options = options;
    this.#token = new TabToken(options.streamId);
    const url = new URL('/ws', location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    this.#socket = new LiveSocket({
      url: url.href,
      onEvent: (event, data) => this.#heard(event, data),
      onUp: () => void this.#join(),
      onDown: () => {
        clearTimeout(this.#joinAgain);
        this.connected = false;
        this.#caughtUp = false;
        void this.#token.ask();
        options.onChange();
      },
    });
  }

  start(): void {
    this.#token.start();
    this.#socket.start();
    const { signal } = this.#life;
    window.addEventListener('online', () => this.hurry(), { signal });
    // Whoever watches by playlists alone would be taken to be there for a while.
    window.addEventListener('pagehide', () => this.#token.leave(), { signal });
  }

  /** The server answers elsewhere. */
  hurry(): void {
    this.#socket.hurry();
  }

  /** By which the server knows this tab; undefined when it takes too long or there is none for us. */
  token(): Promise<string | undefined> {
    return this.#token.known;
  }

  /** @throws SocketRefusal */
  async send(message: string): Promise<void> {
    const mediaTime = this.#options.pictureDate();
    const before = this.#uncertain;
    const clientId = before?.message === message ? before.clientId : newClientId();
    this.#uncertain = { message, clientId };
    try {
      await this.#socket.request('chat:send', {
        streamId: this.#options.streamId,
        message,
        clientId,
        ...(mediaTime === undefined ? {} : { mediaTime }),
      });
      this.#uncertain = undefined;
    } catch (error) {
      if (!(error instanceof SocketRefusal && UNCERTAIN.has(error.code))) this.#uncertain = undefined;
      throw error;
    }
  }

  /** We are somebody else now. */
  restart(): void {
    this.#socket.restart();
  }

  /** Nobody who uses this tab later is to be who we were. */
  forget(): void {
    this.#token.forget();
  }

  close(): void {
    for (const timer of this.#held) clearTimeout(timer);
    clearTimeout(this.#joinAgain);
    this.#life.abort();
    this.#token.leave();
    this.#token.close();
    this.#socket.close();
  }

  async #join(): Promise<void> {
    try {
      await this.#watch();
      await this.#listen();
      this.connected = true;
    } catch (error) {
      // Without a connection there is another turn when there is one.
      if (!(error instanceof SocketRefusal) || error.code === 'connection_lost') return;
      if (NO_PLACE.has(error.code)) {
        this.refusal = error.message;
        this.#token.wait();
      } else void this.#token.ask();
      clearTimeout(this.#joinAgain);
      this.#joinAgain = setTimeout(() => void this.#join(), JOIN_AGAIN_MS);
    }
    this.#options.onChange();
  }

  async #watch(): Promise<void> {
    const { streamId, onChange } = this.#options;
    await this.#token.quiet();
    const { stored } = this.#token;
    const joined = await this.#socket.request('join-livestream', {
      streamId,
      // We ask for what we missed by ourselves, in `#listen`.
      history: false,
      ...(stored === undefined ? {} : { viewerToken: stored }),
    });
    this.refusal = undefined;
    this.viewers = Number(joined.viewers);
    this.#token.take(String(joined.viewerToken));
    onChange();
  }

  /** Comes into the chat; what was said since the last time is told, however much that is. */
  async #listen(): Promise<void> {
    const { streamId } = this.#options;
    for (let more = true; more; ) {
      const before = this.#last;
      const chat = await this.#socket.request('chat:join', {
        streamId,
        ...(before === undefined ? {} : { after: before }),
      });
      this.mode = chat.settings as ChatMode;
      this.moderator = chat.moderator === true;
      more = chat.more === true && this.#last !== before;
    }
    this.#caughtUp = true;
    this.#last = this.#newest;
  }

  #heard(event: string, data: SocketData): void {
    if (data.streamId !== this.#options.streamId) return;
    switch (event) {
      case 'chat:history':
        this.#take(data.messages as ChatMessage[]);
        this.#last = (data.messages as ChatMessage[]).at(-1)?.id ?? this.#last;
        break;
      case 'chat:message':
        this.#take([data as unknown as ChatMessage]);
        if (this.#caughtUp) this.#last = this.#newest;
        break;
      case 'chat:deleted':
        if (Array.isArray(data.ids)) this.log.remove(data.ids as string[]);
        if (typeof data.userId === 'string') this.log.removeOf(data.userId, String(data.upTo));
        break;
      case 'chat:mode':
        this.mode = data as unknown as ChatMode;
        break;
      case 'chat:moderator':
        this.moderator = data.moderator === true;
        break;
      case 'viewers:count':
        this.viewers = Number(data.viewers);
        break;
      case 'stream:state':
      case 'livestream:dismissed':
        this.#options.onState();
        return;
      default:
        return;
    }
    this.#options.onChange();
  }

  #take(messages: ChatMessage[]): void {
    const pictureDate = this.#options.pictureDate();
    for (const message of messages) {
      if (this.#newest === undefined || message.id > this.#newest) this.#newest = message.id;
      const hold = holdBack(message, pictureDate);
      if (hold === 0) {
        this.log.add([message]);
        continue;
      }
      const timer = setTimeout(() => {
        this.#held.delete(timer);
        this.log.add([message]);
        this.#options.onChange();
      }, hold);
      this.#held.add(timer);
    }
  }
}

/** Pages that came without TLS have no `randomUUID`. */
function newClientId(): string {
  return crypto.randomUUID?.() ?? String(Math.random());
}
