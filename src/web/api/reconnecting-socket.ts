import { errorMessage } from '../locale/gateway-messages.js';
import { commonTexts } from '../texts/common.js';

export type SocketData = Record<string, unknown>;

export type ReconnectingSocketOptions = {
  url: string;
  onEvent: (event: string, data: SocketData) => void;
  /** Called on every connect, including reconnects: server-side state of the connection must be set up again. */
  onConnected: () => void;
  onDisconnected: () => void;
};

/** Error answer of the server, or one of the client's own codes `connection_lost` and `timeout`. */
export class SocketError extends Error {
  readonly code: string;
  readonly details: unknown;

  constructor(code: string, message: string, details?: unknown) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

type Message = { event: string; data: SocketData; id?: number };
type Pending = { resolve: (data: SocketData) => void; reject: (error: SocketError) => void };

const FIRST_RECONNECT_DELAY_MS = 500;
const MAX_RECONNECT_DELAY_MS = 15_000;
/** A connection that lasted longer resets the back-off. */
const STABLE_AFTER_MS = 10_000;
const REQUEST_TIMEOUT_MS = 15_000;

/** WebSocket to `/ws` that reconnects with exponential back-off until it is closed. */
export class ReconnectingSocket {
  readonly #options: ReconnectingSocketOptions;
  readonly #pending = new Map<number, Pending>();
  #socket: WebSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #openedAtMs = 0;
  #lastId = 0;
  #stopped = false;

  constructor(options: ReconnectingSocketOptions) {
    this.#options = options;
  }

  connect(): void {
    if (this.#stopped || this.#socket) return;
    clearTimeout(this.#timer);
    const socket = new WebSocket(this.#options.url);
    this.#socket = socket;
    socket.addEventListener('open', () => {
      this.#openedAtMs = performance.now();
      this.#options.onConnected();
    });
    socket.addEventListener('message', ({ data }) => {
      if (this.#socket === socket) this.#receive(String(data));
    });
    socket.addEventListener('close', () => {
      if (this.#socket === socket) this.#connectionLost();
    });
  }

  /** Reconnects without waiting for the back-off, for example when the network is back. */
  reconnectNow(): void {
    if (!this.#socket) this.connect();
  }

  /**
   * Sends an event and waits for its acknowledgement.
   *
   * @throws SocketError
   */
  request(event: string, data: SocketData): Promise<SocketData> {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return Promise.reject(connectionLostError());
    const id = ++this.#lastId;
    socket.send(JSON.stringify({ event, data, id }));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new SocketError('timeout', commonTexts.noAnswer));
      }, REQUEST_TIMEOUT_MS);
      this.#pending.set(id, {
        resolve: (answer) => {
          clearTimeout(timer);
          resolve(answer);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
    });
  }

  /** Closes the connection so that the reconnect carries the current session cookie. */
  reconnectWithSession(): void {
    this.#failures = 0;
    this.#socket?.close();
  }

  close(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#socket = undefined;
    this.#rejectPending();
  }

  #receive(text: string): void {
    const parsed = JSON.parse(text) as Message | Message[];
    for (const message of Array.isArray(parsed) ? parsed : [parsed]) {
      const { event, data, id } = message;
      const pending = id === undefined ? undefined : this.#pending.get(id);
      if (id === undefined || !pending) {
        this.#options.onEvent(event, data);
        continue;
      }
      this.#pending.delete(id);
      if (event === 'error') void rejectWith(pending, String(data.code), String(data.message), data.details);
      else pending.resolve(data);
    }
  }

  #connectionLost(): void {
    this.#socket = undefined;
    const stable = this.#openedAtMs > 0 && performance.now() - this.#openedAtMs > STABLE_AFTER_MS;
    this.#openedAtMs = 0;
    this.#failures = stable ? 1 : this.#failures + 1;
    this.#rejectPending();
    this.#options.onDisconnected();
    if (this.#stopped) return;
    const delayMs = Math.min(FIRST_RECONNECT_DELAY_MS * 2 ** (this.#failures - 1), MAX_RECONNECT_DELAY_MS);
    // Jitter: clients that lost the server together must not return together.
    this.#timer = setTimeout(() => this.connect(), delayMs * (0.5 + Math.random()));
  }

  #rejectPending(): void {
    for (const { reject } of this.#pending.values()) reject(connectionLostError());
    this.#pending.clear();
  }
}

function connectionLostError(): SocketError {
  return new SocketError('connection_lost', commonTexts.connectionLost);
}

async function rejectWith(
  { reject }: Pending,
  code: string,
  message: string,
  details: unknown,
): Promise<void> {
  reject(new SocketError(code, await errorMessage(code, message), details));
}
