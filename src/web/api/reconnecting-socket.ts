export type SocketData = Record<string, unknown>;

export type LiveSocketOptions = {
  url: string;
  onEvent: (event: string, data: SocketData) => void;
  /** Connected, be it again: whatever the server is to know must be said anew. */
  onUp: () => void;
  onDown: () => void;
};

/** What the server would not do, or `connection_lost` and `timeout` of our own. */
export class SocketRefusal extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

type Message = { event: string; data: SocketData; id?: number };
type Pending = { resolve: (data: SocketData) => void; reject: (refusal: SocketRefusal) => void };

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;
/** A connection that holds this long is a good one: the next failure begins with the shortest delay. */
const GOOD_MS = 10_000;
const TIMEOUT_MS = 15_000;

/** The socket at `/ws`, connected anew for as long as the page wants it. */
export class LiveSocket {
  readonly #options: LiveSocketOptions;
  readonly #pending = new Map<number, Pending>();
  #socket: WebSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #openedAt = 0;
  #lastId = 0;
  #over = false;

  constructor(options: LiveSocketOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#over || this.#socket) return;
    clearTimeout(this.#timer);
    const socket = new WebSocket(this.#options.url);
    this.#socket = socket;
    socket.addEventListener('open', () => {
      this.#openedAt = performance.now();
      this.#options.onUp();
    });
    socket.addEventListener('message', ({ data }) => {
      if (this.#socket === socket) this.#receive(String(data));
    });
    socket.addEventListener('close', () => {
      if (this.#socket === socket) this.#lost();
    });
  }

  /** Whatever kept the server away may be over: no longer wait with the next try. */
  hurry(): void {
    if (!this.#socket) this.start();
  }

  /**
   * Asks, and waits for the acknowledgement.
   *
   * @throws SocketRefusal
   */
  request(event: string, data: SocketData): Promise<SocketData> {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return Promise.reject(lost());
    const id = ++this.#lastId;
    socket.send(JSON.stringify({ event, data, id }));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new SocketRefusal('timeout', 'The server does not answer.'));
      }, TIMEOUT_MS);
      this.#pending.set(id, {
        resolve: (answer) => {
          clearTimeout(timer);
          resolve(answer);
        },
        reject: (refusal) => {
          clearTimeout(timer);
          reject(refusal);
        },
      });
    });
  }

  /** Connects anew: the server is to see who we are now. */
  restart(): void {
    this.#failures = 0;
    this.#socket?.close();
  }

  close(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#socket = undefined;
    this.#refuseAll();
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
      if (event === 'error') pending.reject(new SocketRefusal(String(data.code), String(data.message)));
      else pending.resolve(data);
    }
  }

  #lost(): void {
    this.#socket = undefined;
    const good = this.#openedAt > 0 && performance.now() - this.#openedAt > GOOD_MS;
    this.#openedAt = 0;
    this.#failures = good ? 1 : this.#failures + 1;
    this.#refuseAll();
    this.#options.onDown();
    if (this.#over) return;
    const delay = Math.min(FIRST_DELAY_MS * 2 ** (this.#failures - 1), LONGEST_DELAY_MS);
    // Spread, so that everybody who lost a server does not return to it at the same moment.
    this.#timer = setTimeout(() => this.start(), delay * (0.5 + Math.random()));
  }

  #refuseAll(): void {
    for (const { reject } of this.#pending.values()) reject(lost());
    this.#pending.clear();
  }
}

function lost(): SocketRefusal {
  return new SocketRefusal(
    'connection_lost',
    'The connection to the server is lost; it comes back by itself.',
  );
}
