import type { ChatMessage, ChatSettings, ErrorCode } from '../../api/contract.js';
import { ReconnectingSocket, type SocketData, SocketError } from '../api/reconnecting-socket.js';
import { ViewerToken } from '../api/viewer-token.js';
import { ChatLog, holdBackMs } from './chat-log.js';

/** Chat settings that limit who may write, and how often. */
export type ChatMode = Pick<
  ChatSettings,
  'slowMode' | 'membersOnly' | 'followersOnly' | 'emoteOnly' | 'anonymous'
>;

export type StreamSocketOptions = {
  streamId: string;
  /** Whether the tab counts as a viewer, and learns of the state; false: it takes part in the chat alone. Default: true. */
  isViewer?: boolean;
  /** Returns the media time of the frame on screen, Unix ms by the server's clock; undefined when it is live. */
  playbackTimeMs: () => number | undefined;
  /** Called when the broadcast starts, is interrupted or ends, or when this viewer loses access. */
  onStateChange: () => void;
  onChange: () => void;
};

/** Delay before a failed join is repeated on the same connection. */
const REJOIN_AFTER_MS = 10_000;
/** Error codes that end when another viewer leaves. */
const AT_CAPACITY: ReadonlySet<string> = new Set<ErrorCode>(['viewer_limit_reached', 'capacity_reached']);
/** Error codes after which it is unknown whether the server executed the request. */
const OUTCOME_UNKNOWN: ReadonlySet<string> = new Set(['connection_lost', 'timeout']);

/** Events of one stream: broadcast state, viewer count, chat. */
export class StreamSocket {
  readonly log = new ChatLog();
  readonly #options: StreamSocketOptions;
  readonly #socket: ReconnectingSocket;
  /** Undefined for a tab that is no viewer. */
  readonly #token: ViewerToken | undefined;
  readonly #listeners = new AbortController();
  readonly #heldTimers = new Set<ReturnType<typeof setTimeout>>();
  #rejoinTimer: ReturnType<typeof setTimeout> | undefined;
  /** Id up to which no message is missing, whether shown or held back. */
  #completeUpToId: string | undefined;
  /** Id of the newest message received; earlier ones may be missing until the history has arrived. */
  #newestId: string | undefined;
  #caughtUp = false;
  /** Message without acknowledgement: resent with the same `clientId`, the server stores it once. */
  #unacknowledged: { message: string; clientId: string } | undefined;
  connected = false;
  /** Message for the viewer while the livestream is at capacity. */
  capacityError: string | undefined;
  moderator = false;
  viewers: number | undefined;
  mode: ChatMode | undefined;

  constructor(options: StreamSocketOptions) {
    this.#options = options;
    this.#token = options.isViewer === false ? undefined : new ViewerToken(options.streamId);
    const url = new URL('/ws', location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    this.#socket = new ReconnectingSocket({
      url: url.href,
      onEvent: (event, data) => this.#handleEvent(event, data),
      onConnected: () => void this.#join(),
      onDisconnected: () => {
        clearTimeout(this.#rejoinTimer);
        this.connected = false;
        this.#caughtUp = false;
        void this.#token?.joinByHttp();
        options.onChange();
      },
    });
  }

  start(): void {
    this.#token?.start();
    this.#socket.connect();
    const { signal } = this.#listeners;
    window.addEventListener('online', () => this.reconnectNow(), { signal });
    // Without it a viewer of playlists counts until their token times out.
    window.addEventListener('pagehide', () => this.#token?.sendLeave(), { signal });
  }

  /** Reconnects at once; called when the API answers again. */
  reconnectNow(): void {
    this.#socket.reconnectNow();
  }

  /** Resolves to the viewer token; undefined on timeout or when none is issued. */
  async viewerToken(): Promise<string | undefined> {
    return await this.#token?.resolved;
  }

  /** Sends a chat message with the media time of the frame on screen. @throws SocketError */
  async sendMessage(message: string): Promise<void> {
    const mediaTime = this.#options.playbackTimeMs();
    const before = this.#unacknowledged;
    const clientId = before?.message === message ? before.clientId : newClientId();
    this.#unacknowledged = { message, clientId };
    try {
      await this.#socket.request('chat:send', {
        streamId: this.#options.streamId,
        message,
        clientId,
        ...(mediaTime === undefined ? {} : { mediaTime }),
      });
      this.#unacknowledged = undefined;
    } catch (error) {
      if (!(error instanceof SocketError && OUTCOME_UNKNOWN.has(error.code)))
        this.#unacknowledged = undefined;
      throw error;
    }
  }

  /** Reconnects with the current session, after sign-in. */
  reconnectWithSession(): void {
    this.#socket.reconnectWithSession();
  }

  /** Deletes the viewer token of this tab. */
  forgetViewer(): void {
    this.#token?.leaveAndForget();
  }

  close(): void {
    for (const timer of this.#heldTimers) clearTimeout(timer);
    clearTimeout(this.#rejoinTimer);
    this.#listeners.abort();
    this.#token?.sendLeave();
    this.#token?.close();
    this.#socket.close();
  }

  async #join(): Promise<void> {
    try {
      if (this.#token) await this.#joinLivestream(this.#token);
      await this.#joinChat();
      this.connected = true;
    } catch (error) {
      // `onConnected` joins again after a reconnect.
      if (!(error instanceof SocketError) || error.code === 'connection_lost') return;
      if (AT_CAPACITY.has(error.code)) {
        this.capacityError = error.message;
        this.#token?.stopTimers();
      } else void this.#token?.joinByHttp();
      clearTimeout(this.#rejoinTimer);
      this.#rejoinTimer = setTimeout(() => void this.#join(), REJOIN_AFTER_MS);
    }
    this.#options.onChange();
  }

  async #joinLivestream(token: ViewerToken): Promise<void> {
    const { streamId, onChange } = this.#options;
    await token.whenIdle();
    const { stored } = token;
    const joined = await this.#socket.request('join-livestream', {
      streamId,
      // `#joinChat` requests what was missed.
      history: false,
      ...(stored === undefined ? {} : { viewerToken: stored }),
    });
    this.capacityError = undefined;
    this.viewers = Number(joined.viewers);
    token.store(String(joined.viewerToken));
    onChange();
  }

  /** Joins the chat and requests the messages since the last connection, page by page. */
  async #joinChat(): Promise<void> {
    const { streamId } = this.#options;
    for (let more = true; more; ) {
      const before = this.#completeUpToId;
      const chat = await this.#socket.request('chat:join', {
        streamId,
        ...(before === undefined ? {} : { after: before }),
      });
      this.mode = chat.settings as ChatMode;
      this.moderator = chat.moderator === true;
      more = chat.more === true && this.#completeUpToId !== before;
    }
    this.#caughtUp = true;
    this.#completeUpToId = this.#newestId;
  }

  #handleEvent(event: string, data: SocketData): void {
    if (data.streamId !== this.#options.streamId) return;
    switch (event) {
      case 'chat:history':
        this.#addMessages(data.messages as ChatMessage[]);
        this.#completeUpToId = (data.messages as ChatMessage[]).at(-1)?.id ?? this.#completeUpToId;
        break;
      case 'chat:message':
        this.#addMessages([data as unknown as ChatMessage]);
        if (this.#caughtUp) this.#completeUpToId = this.#newestId;
        break;
      case 'chat:deleted':
        if (Array.isArray(data.ids)) this.log.remove(data.ids as string[]);
        if (typeof data.userId === 'string') this.log.removeByUser(data.userId, String(data.upTo));
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
        this.#options.onStateChange();
        return;
      default:
        return;
    }
    this.#options.onChange();
  }

  #addMessages(messages: ChatMessage[]): void {
    const playbackTimeMs = this.#options.playbackTimeMs();
    for (const message of messages) {
      if (this.#newestId === undefined || message.id > this.#newestId) this.#newestId = message.id;
      const holdMs = holdBackMs(message, playbackTimeMs);
      if (holdMs === 0) {
        this.log.add([message]);
        continue;
      }
      const timer = setTimeout(() => {
        this.#heldTimers.delete(timer);
        this.log.add([message]);
        this.#options.onChange();
      }, holdMs);
      this.#heldTimers.add(timer);
    }
  }
}

/** `randomUUID` exists in secure contexts only. */
function newClientId(): string {
  return crypto.randomUUID?.() ?? String(Math.random());
}
