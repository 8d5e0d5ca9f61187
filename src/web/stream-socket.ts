import { ChatLog, type ChatMessage, holdBack } from './chat-log.js';
import { LiveSocket, type SocketData } from './live-socket.js';

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
  /** The stream began, ended, or waits for its publisher. */
  onState: () => void;
  onChange: () => void;
};

/** Longer than this nobody waits for a picture because the socket does not come about. */
const TOKEN_MS = 3_000;
const CHAT_HISTORY = 'chat:history';

/** What a watch page hears of its stream: who is there, what they say. */
export class StreamSocket {
  readonly log = new ChatLog();
  readonly #options: StreamSocketOptions;
  readonly #socket: LiveSocket;
  readonly #held = new Set<ReturnType<typeof setTimeout>>();
  readonly #token: Promise<string | undefined>;
  #tokenKnown: (token: string | undefined) => void = () => {};
  /** Up to which the server's messages are known, shown or held back. */
  #last: string | undefined;
  connected = false;
  moderator = false;
  viewers: number | undefined;
  mode: ChatMode | undefined;

  constructor(options: StreamSocketOptions) {
    this.#options = options;
    this.#token = new Promise((resolve) => {
      this.#tokenKnown = resolve;
    });
    const url = new URL('/ws', location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    this.#socket = new LiveSocket({
      url: url.href,
      onEvent: (event, data) => this.#heard(event, data),
      onUp: () => void this.#join().catch(() => this.#tokenKnown(undefined)),
      onDown: () => {
        this.connected = false;
        options.onChange();
      },
    });
  }

  start(): void {
    setTimeout(() => this.#tokenKnown(undefined), TOKEN_MS);
    this.#socket.start();
  }

  /** By which the server knows this tab; undefined when it takes too long or there is none for us. */
  token(): Promise<string | undefined> {
    return this.#token;
  }

  /** @throws SocketRefusal */
  async send(message: string): Promise<void> {
    const mediaTime = this.#options.pictureDate();
    await this.#socket.request('chat:send', {
      streamId: this.#options.streamId,
      message,
      clientId: crypto.randomUUID?.() ?? String(Math.random()),
      ...(mediaTime === undefined ? {} : { mediaTime }),
    });
  }

  /** We are somebody else now. */
  restart(): void {
    this.#socket.restart();
  }

  close(): void {
    for (const timer of this.#held) clearTimeout(timer);
    this.#socket.close();
    this.#tokenKnown(undefined);
  }

  async #join(): Promise<void> {
    const { streamId, onChange } = this.#options;
    const known = storedToken(streamId);
    const joined = await this.#socket.request('join-livestream', {
      streamId,
      ...(known === undefined ? {} : { viewerToken: known }),
    });
    const token = String(joined.viewerToken);
    storeToken(streamId, token);
    this.#tokenKnown(token);
    this.viewers = Number(joined.viewers);
    onChange();
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
    this.connected = true;
    onChange();
  }

  #heard(event: string, data: SocketData): void {
    if (data.streamId !== this.#options.streamId) return;
    switch (event) {
      case CHAT_HISTORY:
        this.#take(data.messages as ChatMessage[]);
        break;
      case 'chat:message':
        this.#take([data as unknown as ChatMessage]);
        break;
      case 'chat:deleted':
        if (Array.isArray(data.ids)) this.log.remove(data.ids as string[]);
        if (typeof data.userId === 'string') this.log.removeOf(data.userId, String(data.upTo));
        break;
      case 'chat:mode':
        this.mode = data as unknown as ChatMode;
        break;
      case 'viewers:count':
        this.viewers = Number(data.viewers);
        break;
      case 'stream:state':
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
      if (this.#last === undefined || message.id > this.#last) this.#last = message.id;
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

/** Kept as long as the tab: a page that is loaded again is the same viewer. */
function storedToken(streamId: string): string | undefined {
  try {
    return sessionStorage.getItem(`viewer ${streamId}`) ?? undefined;
  } catch {
    return undefined; // storage is forbidden here
  }
}

function storeToken(streamId: string, token: string): void {
  try {
    sessionStorage.setItem(`viewer ${streamId}`, token);
  } catch {
    // As above.
  }
}
