import type { ChatMessage, ChatPoll, ChatSettings, ErrorCode } from '../../api/contract.js';
import { ReconnectingSocket, type SocketData, SocketError } from '../api/reconnecting-socket.js';
import { serverClock } from '../api/server-clock.js';
import { ViewerToken } from '../api/viewer-token.js';
import { ChatHold } from './chat-hold.js';
import { ChatLog } from './chat-log.js';
import { ReactionCounts } from './reaction-counts.js';

/** Chat settings that limit who may write, and how often. */
export type ChatMode = Pick<
  ChatSettings,
  'slowMode' | 'membersOnly' | 'followersOnly' | 'emoteOnly' | 'anonymous'
>;

export type StreamSocketOptions = {
  streamId: string;
  /** Whether the tab counts as a viewer, and learns of the state; false: it takes part in the chat alone. Default: true. */
  isViewer?: boolean;
  /**
   * Returns the media time of the frame on screen, Unix ms by the server's clock; undefined when it is live; -Infinity
   * when it is not known yet.
   */
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

/** Interval at which what is held back is compared with playback, ms. */
const HOLD_CHECK_MS = 200;
/** Messages that the first join of a chat replays at most. */
const REPLAYED_AT_JOIN = 50;
/** Older messages per request. */
const OLDER_PAGE = 100;
/** Client ids of own messages that are kept. */
const OWN_IDS_KEPT = 50;

/** Message, or reactions by name, that waits for playback. */
type Held = { message: ChatMessage } | { reactions: Record<string, number> };

/** Events of one stream: broadcast state, viewer count, chat. Chat is held to the latency of this viewer. */
export class StreamSocket {
  readonly log = new ChatLog();
  readonly reactions: ReactionCounts;
  readonly #options: StreamSocketOptions;
  readonly #socket: ReconnectingSocket;
  /** Undefined for a tab that is no viewer. */
  readonly #token: ViewerToken | undefined;
  readonly #listeners = new AbortController();
  readonly #hold: ChatHold<Held>;
  #holdTimer: ReturnType<typeof setInterval> | undefined;
  readonly #ownClientIds: string[] = [];
  #rejoinTimer: ReturnType<typeof setTimeout> | undefined;
  /** Id up to which no message is missing, whether shown or held back. */
  #completeUpToId: string | undefined;
  /** Id of the newest message received; earlier ones may be missing until the history has arrived. */
  #newestId: string | undefined;
  #caughtUp = false;
  /** Messages that came as history. */
  #replayed = 0;
  /** Message without acknowledgement: resent with the same `clientId`, the server stores it once. */
  #unacknowledged: { message: string; clientId: string } | undefined;
  connected = false;
  /** Message for the viewer while the livestream is at capacity. */
  capacityError: string | undefined;
  moderator = false;
  viewers: number | undefined;
  mode: ChatMode | undefined;
  /** The open poll, or the one that closed last while the page was open. */
  poll: ChatPoll | undefined;
  /** Monotonic time from which slow mode lets this viewer write again, ms. */
  maySendAtMs = 0;
  /** The server has messages before the first of the log. */
  hasOlder = false;

  constructor(options: StreamSocketOptions) {
    this.#options = options;
    this.reactions = new ReactionCounts(options.onChange);
    this.#hold = new ChatHold({
      playbackTimeMs: options.playbackTimeMs,
      serverTimeMs: () => serverClock.now(),
    });
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
    this.#ownClientIds.push(clientId);
    if (this.#ownClientIds.length > OWN_IDS_KEPT) this.#ownClientIds.shift();
    try {
      await this.#request('chat:send', {
        message,
        clientId,
        ...(mediaTime !== undefined && Number.isFinite(mediaTime) ? { mediaTime } : {}),
      });
      this.#unacknowledged = undefined;
      if (!this.moderator) this.#waitForSlowMode(this.mode?.slowMode ?? 0);
    } catch (error) {
      if (!(error instanceof SocketError && OUTCOME_UNKNOWN.has(error.code)))
        this.#unacknowledged = undefined;
      if (error instanceof SocketError && error.code === 'slow_mode')
        this.#waitForSlowMode(
          Number((error.details as { retryAfter?: number } | undefined)?.retryAfter ?? 0),
        );
      throw error;
    }
  }

  /** Sends a reaction, which appears at once. @throws SocketError */
  async react(reaction: string): Promise<void> {
    this.reactions.addOwn(reaction);
    await this.#request('chat:react', { reaction });
  }

  /** Opens a poll; needs moderator rights. @throws SocketError */
  async createPoll(question: string, options: string[], seconds: number): Promise<void> {
    this.#setPoll((await this.#request('chat:poll:create', { question, options, seconds })).poll);
  }

  /** @param option index. @throws SocketError */
  async vote(pollId: string, option: number): Promise<void> {
    this.#setPoll((await this.#request('chat:poll:vote', { pollId, option })).poll);
  }

  /** Closes a poll before its end; needs moderator rights. @throws SocketError */
  async closePoll(pollId: string): Promise<void> {
    this.#setPoll((await this.#request('chat:poll:close', { pollId })).poll);
  }

  dismissPoll(): void {
    this.poll = undefined;
    this.#options.onChange();
  }

  /** Loads messages before the first of the log. @throws SocketError */
  async loadOlder(): Promise<void> {
    const before = this.log.firstId;
    if (before === undefined || !this.hasOlder || this.log.isFull) return;
    const page = await this.#request('chat:history', { before, limit: OLDER_PAGE });
    this.log.add(page.messages as ChatMessage[]);
    this.hasOlder = page.more === true && !this.log.isFull;
    this.#options.onChange();
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
    clearInterval(this.#holdTimer);
    this.reactions.close();
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
    const isFirst = this.#completeUpToId === undefined;
    for (let more = true; more; ) {
      const before = this.#completeUpToId;
      const chat = await this.#socket.request('chat:join', {
        streamId,
        ...(before === undefined ? {} : { after: before }),
      });
      this.mode = chat.settings as ChatMode;
      this.moderator = chat.moderator === true;
      // A closed poll stays until the viewer has seen its result.
      if (chat.poll || this.poll?.closedAt === null) this.#setPoll(chat.poll ?? undefined);
      more = chat.more === true && this.#completeUpToId !== before;
    }
    this.#caughtUp = true;
    this.#completeUpToId = this.#newestId;
    // The first join replays the newest page alone.
    if (isFirst) this.hasOlder = this.#replayed >= REPLAYED_AT_JOIN;
  }

  async #request(event: string, data: SocketData): Promise<SocketData> {
    return await this.#socket.request(event, { streamId: this.#options.streamId, ...data });
  }

  #waitForSlowMode(seconds: number): void {
    if (seconds > 0) this.maySendAtMs = performance.now() + seconds * 1_000;
    this.#options.onChange();
  }

  #setPoll(poll: unknown): void {
    this.poll = poll as ChatPoll;
    this.#options.onChange();
  }

  #handleEvent(event: string, data: SocketData): void {
    if (data.streamId !== this.#options.streamId) return;
    switch (event) {
      case 'chat:history':
        this.#replayed += (data.messages as ChatMessage[]).length;
        this.#addMessages(data.messages as ChatMessage[]);
        this.#completeUpToId = (data.messages as ChatMessage[]).at(-1)?.id ?? this.#completeUpToId;
        break;
      case 'chat:message':
        this.#addMessages([data as unknown as ChatMessage]);
        if (this.#caughtUp) this.#completeUpToId = this.#newestId;
        break;
      case 'chat:deleted':
        if (Array.isArray(data.ids)) this.log.remove(data.ids as string[]);
        if (typeof data.userId === 'string') {
          const { userId, upTo } = data;
          this.log.removeByUser(userId, String(upTo));
          this.#hold.remove(
            (held) => 'message' in held && held.message.userId === userId && held.message.id <= String(upTo),
          );
        }
        break;
      case 'chat:reactions':
        this.#addReactions(data.reactions as Record<string, number>);
        break;
      case 'chat:poll':
        this.#setPoll(data.poll);
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
    for (const message of messages) {
      if (this.#newestId === undefined || message.id > this.#newestId) this.#newestId = message.id;
      const isOwn = message.clientId !== undefined && this.#ownClientIds.includes(message.clientId);
      if (isOwn || this.#hold.add({ message }, Date.parse(message.mediaTime))) this.log.add([message]);
    }
    this.#checkHold();
  }

  /** Reactions have no media time: that of those who see the broadcast first is assumed. */
  #addReactions(reactions: Record<string, number>): void {
    if (this.#hold.add({ reactions }, serverClock.now())) this.reactions.add(reactions);
    this.#checkHold();
  }

  /** Releases what playback has reached, and goes on while something is held. */
  #checkHold(): void {
    const due = this.#hold.takeDue();
    this.log.add(
      due.flatMap((held) => ('message' in held ? [held.message] : [])),
      true,
    );
    for (const held of due) if ('reactions' in held) this.reactions.add(held.reactions);
    if (due.length > 0) this.#options.onChange();
    if (this.#hold.isEmpty) {
      clearInterval(this.#holdTimer);
      this.#holdTimer = undefined;
    } else this.#holdTimer ??= setInterval(() => this.#checkHold(), HOLD_CHECK_MS);
  }
}

/** `randomUUID` exists in secure contexts only. */
function newClientId(): string {
  return crypto.randomUUID?.() ?? String(Math.random());
}
